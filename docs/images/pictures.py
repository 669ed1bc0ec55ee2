"""Regenerate the pictures of the documentation: `python docs/images/pictures.py outputs [name …]`.

`outputs` holds the reports of `make demo` and of the tutorials' first commands, of which headless
Chromium takes the pictures. With names (`report`, `jet`, …), only those are made.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import Page, browser  # noqa: E402

from saibench.evidence.reader import StudyEvidence  # noqa: E402
from saibench.figures import trusted_range  # noqa: E402

LARGEST = 150_000
"""Bytes of a picture."""
PARTS = {
    "report": ("force_field", "body", 1300, 1190),
    "windows": ("force_field", "#figure-windows", 940, 340),
    "molecule": ("force_field", "[id^=explorer]", 940, 610),
    "jet": ("jet_tagging", "[id^=explorer]", 940, 530),
    "rain": ("nowcasting", "[id^=explorer]", 940, 510),
}
"""By picture: the study, a part of its page, the width of the window, and pixels from the top."""


def main(outputs: Path, *names: str) -> None:
    chosen = names or ("trusted_range", *PARTS)
    if "trusted_range" in chosen:
        draw_trusted_range(outputs / "force_field")
    parts = {name: PARTS[name] for name in chosen if name != "trusted_range"}
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as page:
        for name, (study, part, width, height) in parts.items():
            page.open(outputs / study / "report.html", width=width)
            if part != "body":
                page.value("document.querySelector('nav').remove()")  # it would cover the part
            save(name, picture(page, part, height))


def draw_trusted_range(study: Path) -> None:
    drawn = io.BytesIO()
    trusted_range.draw(StudyEvidence.load(study)).savefig(drawn, dpi=110)
    save("trusted_range", drawn.getvalue())


def picture(page: Page, part: str, height: int) -> bytes:
    """A PNG of a part of the page, which is scrolled to, as it draws itself when it is seen."""
    element = f"document.querySelector({json.dumps(part)})"
    page.value(f"{element}.scrollIntoView()")
    time.sleep(3)  # seconds until images are decoded and viewers have drawn
    x, y, width = page.value(
        f"(() => {{ const b = {element}.getBoundingClientRect();"
        "return [b.x + scrollX, b.y + scrollY, b.width]; })()"
    )
    clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
    taken = page.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    return base64.b64decode(taken["data"])


def save(name: str, png: bytes) -> None:
    """Write a picture in as many colours as it needs to be small."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        small = io.BytesIO()
        image.quantize(colours).save(small, "PNG", optimize=True)
        if small.tell() <= LARGEST:
            break
    path = Path(__file__).with_name(f"{name}.png")
    path.write_bytes(small.getvalue())
    print(path, image.size, small.tell())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
