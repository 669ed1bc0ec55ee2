"""A SLURM cluster of two nodes on this machine, with daemons of its own, for as long as a test.

Its accounting would need a database server. submitit asks `sacct` for the states of its jobs, so a
`sacct` that reads them from the controller comes first in `PATH`.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from saibench.runs.node_meeting import free_port

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "scancel", "scontrol", "sinfo", "srun")
NODES = ("one", "other")
"""Names of the nodes, of which the network knows none."""
SECONDS = 300
"""How long to wait for what takes a few seconds on an idle machine."""
SACCT = f"""#!{sys.executable}
import re, subprocess
shown = subprocess.run(["scontrol", "-o", "show", "job"], capture_output=True, text=True).stdout
print("JobID|State|NodeList")
for line in shown.splitlines():
    job = dict(re.findall(r"(\\S+?)=(\\S*)", line))
    array = job.get("ArrayJobId")
    name = job["JobId"] if array is None else f"{{array}}_{{job['ArrayTaskId']}}"
    print(f"{{name}}|{{job['JobState']}}|{{job['NodeList']}}")
"""


def _sbin() -> str:
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def missing() -> list[str]:
    """Programs of SLURM that this machine lacks."""
    return [name for name in (*DAEMONS, *COMMANDS) if shutil.which(name, path=_sbin()) is None]


@contextmanager
def cluster() -> Iterator[None]:
    """Start the daemons; the environment of this process leads there.

    Their files are in a folder of their own: the path of a socket has at most 107 characters.
    """
    made = tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)
    with made as folder, _daemons(Path(folder)):
        yield


@contextmanager
def _daemons(folder: Path) -> Iterator[None]:
    host = socket.gethostname().partition(".")[0]
    munge = _private(folder / "munge")
    (folder / "bin").mkdir()
    sacct = folder / "bin" / "sacct"
    sacct.write_text(SACCT)
    sacct.chmod(0o755)
    key = munge / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    settings = folder / "slurm.conf"
    settings.write_text(_settings(folder, host, munge / "socket"))
    path = os.pathsep.join([str(folder / "bin"), _sbin()])
    before = dict(os.environ)
    os.environ.update(SLURM_CONF=str(settings), PATH=path)
    files = (f"--{part}-file={munge / part}" for part in ("key", "log", "pid", "seed"))
    try:
        with ExitStack() as daemons:
            munged = ("munged", "--foreground", "--force", f"--socket={munge / 'socket'}", *files)
            daemons.enter_context(_running(*munged))
            wait_for((munge / "socket").exists)
            daemons.enter_context(_running("slurmctld", "-D"))
            for node in NODES:
                daemons.enter_context(_running("slurmd", "-D", "-N", node))
            wait_for(lambda: printed("sinfo", "-h", "-o", "%D %T").strip() == "2 idle")
            yield
            subprocess.run(["scancel", "--user", getpass.getuser()], check=False)
            wait_for(lambda: not printed("squeue", "-h").strip())
    finally:
        os.environ.clear()
        os.environ.update(before)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not.
    """
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(printed("scontrol", "show", "job"))
        time.sleep(0.1)


def _settings(folder: Path, host: str, munge: Path) -> str:
    state = _private(folder / "state")
    for node in NODES:
        _private(folder / f"spool-{node}")
    nodes = [
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()} CPUs=8 "
        "State=UNKNOWN"
        for node in NODES
    ]
    return "\n".join(
        [
            "ClusterName=tests",
            f"SlurmctldHost={host}(127.0.0.1)",
            f"SlurmUser={getpass.getuser()}",
            f"SlurmctldPort={free_port()}",
            f"AuthInfo=socket={munge}",
            f"StateSaveLocation={state}",
            f"SlurmdSpoolDir={folder}/spool-%n",
            f"SlurmctldPidFile={folder / 'slurmctld.pid'}",
            f"SlurmdPidFile={folder}/slurmd-%n.pid",
            f"SlurmctldLogFile={folder / 'slurmctld.log'}",
            f"SlurmdLogFile={folder}/slurmd-%n.log",
            "ProctrackType=proctrack/linuxproc",
            "TaskPlugin=task/none",
            "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_CPU",
            "SlurmdParameters=config_overrides",  # the node may have fewer cores
            "SchedulerParameters=batch_sched_delay=0,sched_interval=1",
            "ReturnToService=2",
            "MailProg=/bin/true",
            *nodes,
            f"PartitionName=tests Nodes={','.join(NODES)} Default=YES State=UP",
            "",
        ]
    )


@contextmanager
def _running(*command: str) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as daemon:
        try:
            yield
        finally:
            daemon.send_signal(signal.SIGTERM)


def printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder
