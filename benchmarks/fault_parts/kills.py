"""Commands that are killed, terminated or interrupted, and given again."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

from benchmarks.fault_parts.cases import Case, Outcome
from benchmarks.fault_parts.moments import at_change
from benchmarks.fault_parts.study import Laboratory
from benchmarks.fault_parts.warm import SENT, Running

SHARES = {"sweep": 0.7, "report": 0.15, "export": 0.15}


def kills(laboratory: Laboratory, count: int, seed: int) -> Iterator[Case]:
    """Half of the moments are drawn from the seconds of a command, half from its changes of files.

    The command is then given again: it must leave what an undisturbed one leaves.
    """
    draw = random.Random(f"kills {seed}")
    changes = {name: laboratory.changes(name, laboratory.folder) for name in SHARES}
    for number in range(count):
        (name,) = draw.choices(list(SHARES), list(SHARES.values()))
        sent = SENT[number % len(SENT)]
        laboratory.reset(name)
        if number // len(SENT) % 2:
            change = draw.randrange(changes[name])
            running = _struck_at_change(laboratory, name, sent, change)
            where = f"at change {change} of {changes[name]}"
        else:
            seconds = draw.uniform(0, laboratory.took[name])
            running = laboratory.start(name)
            time.sleep(seconds)
            running.send(sent)
            where = f"after {seconds:.2f} s"
        struck = laboratory.wait(running)
        case = laboratory.case(f"{sent.name}, {name}", name, (struck, laboratory.run(name)), where)
        # a command that was killed has nothing to say
        yield Case(case.fault, Outcome.EQUAL) if case.outcome == Outcome.REFUSED else case


def _struck_at_change(laboratory: Laboratory, name: str, sent: int, change: int) -> Running:
    return laboratory.start(
        name, at_change(change, laboratory.folder, lambda: os.kill(os.getpid(), sent))
    )
