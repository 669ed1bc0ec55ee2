"""Choose whether runs are logged online or offline, without prompting."""

from __future__ import annotations

import os
import shlex
import threading
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Literal, get_args

import requests
from pydantic import ValidationError

from saibench.errors import UserError, first_line

Mode = Literal["online", "offline", "disabled"]
SERVER_TIMEOUT = 5.0
"""Seconds to wait for the server before a run goes offline."""


def choose_mode(requested: Mode | None) -> Mode:
    """Return how runs are logged: the requested mode, else WANDB_MODE or `wandb offline`.

    The default is `online` with a login and `offline` without one.

    Args:
        requested: a mode, or None.

    Raises:
        UserError: an unknown mode, or `online` without a login.
    """
    if requested not in (None, *get_args(Mode)):
        known = ", ".join(get_args(Mode))
        raise UserError(f"logger.mode={requested} is unknown. Valid values: {known}, null.")
    mode = requested or _configured_mode()
    if mode == "disabled":
        return "disabled"
    if mode in ("offline", "dryrun"):
        return "offline"
    if logged_in():
        return "online"
    if online := requested or os.environ.get("WANDB_MODE"):
        name = "logger.mode" if requested else "WANDB_MODE"
        raise UserError(
            f"{name}={online} needs a Weights & Biases login. Run `wandb login`, set "
            f"WANDB_API_KEY, or use {name}=offline."
        )
    return "offline"


def is_reachable() -> bool:
    """Return whether W&B's server gives any answer within `SERVER_TIMEOUT`.

    Without a network, as on compute nodes, W&B itself would retry for a minute and a half.
    """
    import wandb

    address, answers = wandb.setup().settings.base_url, []

    def request() -> None:
        try:
            requests.head(address, timeout=SERVER_TIMEOUT)
        except requests.exceptions.SSLError:  # it has a certificate that W&B may know
            pass
        except requests.RequestException:
            return
        answers.append(address)

    thread = threading.Thread(target=request, daemon=True)  # a name lookup has no timeout
    thread.start()
    thread.join(SERVER_TIMEOUT)
    return bool(answers)


def upload_command(study: Path, runs: str) -> str:
    """The shell command that uploads what was logged on this machine.

    Args:
        study: folder of the study.
        runs: names of W&B's folders, `offline-run-*` or `run-*`.
    """
    online = "" if runs.startswith("offline") else "--include-online "
    return f"wandb sync {online}{shlex.quote(str(study))}/*/wandb/{runs}"


def check_project(name: str) -> None:
    """Refuse a name that no project can have.

    Raises:
        UserError: it has other characters than W&B allows, or too many.
    """
    import wandb
    from wandb.errors import UsageError

    try:
        wandb.Settings(project=name)
    except UsageError as error:
        raise UserError(f"logger.project={name}: {first_line(error)}.") from error


def _configured_mode() -> str:
    """The mode in W&B's own settings, `online` by default."""
    import wandb

    try:
        return wandb.setup().settings.mode
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"Weights & Biases cannot use {first['loc'][0]}={first['input']!r}, set by WANDB_* or "
            f"in its settings file: {first['msg'][0].lower()}{first['msg'][1:]}."
        ) from error


def logged_in() -> bool:
    """Return whether the environment, a netrc file or W&B's settings hold credentials.

    Raises:
        UserError: the credentials are malformed.
    """
    import wandb
    from wandb.errors import AuthenticationError

    # W&B's process would report on itself, and print an error for each report that is refused.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")

    # Under WANDB_MODE=offline, login looks nothing up. Unless silent, it asks the server for the
    # user's name.
    wandb.setup(wandb.Settings(mode="online", silent=True))
    try:
        with redirect_stderr(StringIO()):  # it prints where the key was found
            return wandb.login(prompt=False, verify=False)
    except AuthenticationError as error:
        raise UserError(
            f"Weights & Biases cannot use these credentials ({error}). Run `wandb login`, or use "
            "logger.mode=offline."
        ) from error
