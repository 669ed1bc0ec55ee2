"""Whether Weights & Biases can be reached, found out without asking anybody anything."""

from __future__ import annotations

import os
import threading
from contextlib import redirect_stderr
from io import StringIO
from typing import Literal, get_args

import requests
from pydantic import ValidationError

from saibench.errors import UserError

Mode = Literal["online", "offline", "disabled"]
PATIENCE = 5.0
"""Seconds that the server is given to answer before a run goes offline."""


def choose_mode(asked: Mode | None) -> Mode:
    """How runs are logged: what is asked for, else what WANDB_MODE and `wandb offline` say.

    Unless told, it is `online` where someone is logged in and `offline` elsewhere.

    Args:
        asked: a mode, or None.

    Raises:
        UserError: an unknown mode, or `online` was asked for and nobody is logged in.
    """
    if asked not in (None, *get_args(Mode)):
        known = ", ".join(get_args(Mode))
        raise UserError(f"logger.mode={asked} is unknown; {known} or null would work.")
    mode = asked or _told()
    if mode == "disabled":
        return "disabled"
    if mode in ("offline", "dryrun"):
        return "offline"
    if logged_in():
        return "online"
    if told := asked or os.environ.get("WANDB_MODE"):
        name = "logger.mode" if asked else "WANDB_MODE"
        raise UserError(
            f"{name}={told} needs a Weights & Biases login: run `wandb login`, or set "
            f"WANDB_API_KEY; {name}=offline needs none."
        )
    return "offline"


def is_reachable() -> bool:
    """Whether W&B's server answers, with whatever, within `PATIENCE`; a compute node may have no
    network, and W&B would try for a minute and a half."""
    import wandb

    address, answers = wandb.setup().settings.base_url, []

    def ask() -> None:
        try:
            requests.head(address, timeout=PATIENCE)
        except requests.exceptions.SSLError:  # it has a certificate that W&B may know
            pass
        except requests.RequestException:
            return
        answers.append(address)

    asking = threading.Thread(target=ask, daemon=True)  # to look up a name has no timeout
    asking.start()
    asking.join(PATIENCE)
    return bool(answers)


def _told() -> str:
    """The mode in W&B's own settings: `online` if nobody chose another."""
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
    """Whether there are credentials, in the environment, a netrc file or W&B's settings.

    Raises:
        UserError: they cannot be credentials.
    """
    import wandb
    from wandb.errors import AuthenticationError

    # Under WANDB_MODE=offline login looks nothing up, and unless silent it asks the server who
    # it is that logs in.
    wandb.setup(wandb.Settings(mode="online", silent=True))
    try:
        with redirect_stderr(StringIO()):  # where it tells where the key was found
            return wandb.login(prompt=False, verify=False)
    except AuthenticationError as error:
        raise UserError(
            f"Weights & Biases cannot use these credentials ({error}); run `wandb login`, or work "
            "offline with logger.mode=offline."
        ) from error
