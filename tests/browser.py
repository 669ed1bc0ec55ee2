"""A headless Chromium for tests, controlled through a pipe: no driver, port or download."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)
AS_3_AND_4 = """
import os, sys
read, write, *command = sys.argv[1:]
os.dup2(int(read), 3)
os.dup2(int(write), 4)
os.execv(command[0], command)
"""
"""Chromium reads commands from file descriptor 3 and answers to 4."""
PATIENCE = 60.0
"""Timeout in seconds of one command, on a busy machine."""


def chromium() -> str | None:
    """Return the path of a Chromium, None if there is none."""
    found = (os.environ.get("CHROME_PATH"), *map(shutil.which, NAMES))
    return next((path for path in found if path), None)


class Page:
    """One tab; `problems` lists its errors."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._buffer, self._number = write, read, b"", 0
        self._events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    @property
    def problems(self) -> list[str]:
        """Return the errors of scripts, console and browser in order."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        events = [event for event in self._events if event["method"] in kinds]
        return [
            json.dumps(event["params"])[:600]
            for event in events
            if event["params"].get("type", "error") in ("error", "assert")
            and event["params"].get("entry", {}).get("level", "error") == "error"
        ]

    def open(self, path: Path, fragment: str = "", width: int = 1200, height: int = 900) -> None:
        """Load a file and wait for it."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url="about:blank")  # an address of the same page would not load
        self.until("location.href === 'about:blank'")
        self.call("Page.navigate", url=f"{path.resolve().as_uri()}{fragment}")
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, expression: str) -> Any:
        """Evaluate an expression; await a promise."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(json.dumps(answer["exceptionDetails"])[:1000])
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true or an element; return it."""
        value = f"(found => found instanceof Element || found)({expression})"
        return self.wait(lambda: self.value(value), expression)

    def wait(self, condition: Callable[[], Any], what: str = "") -> Any:
        """Wait until a condition is true; return its value."""
        end = time.monotonic() + PATIENCE
        while not (found := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"never true: {what}; {self.problems}")
            time.sleep(0.05)
        return found

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.value(f"document.querySelector({json.dumps(selector)}).innerText")

    def click(self, selector: str) -> None:
        """Click the centre of an element, or of its first line."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        place = self.value(
            f"(() => {{ const b = {element}.getClientRects()[0];"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        self.click_at(*place)

    def click_at(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, selector: str, text: str) -> None:
        """Replace the text of an input."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{element}.focus(), {element}.select()")
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path, whole: bool = True) -> None:
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)[
            "data"
        ]
        path.write_bytes(base64.b64decode(picture))

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol; return the answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._next(end - time.monotonic())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self._events.append(answer)

    def _next(self, patience: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, patience))
            received = os.read(self._read, 1 << 20) if ready else b""
            if not received:
                raise AssertionError("Chromium ended" if ready else "Chromium does not answer")
            self._buffer += received
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


def _above(descriptor: int) -> int:
    """Move a file descriptor above 9."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Yield a page of a new Chromium with its profile in `folder`."""
    path = chromium()
    assert path is not None
    to_browser, ours = map(_above, os.pipe())
    answers, to_us = map(_above, os.pipe())
    start = [sys.executable, "-I", "-S", "-c", AS_3_AND_4, str(to_browser), str(to_us)]
    process = subprocess.Popen(
        [*start, path, *OPTIONS, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(to_browser, to_us),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(to_us)
    try:
        yield Page(ours, answers)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(ours)
        os.close(answers)
