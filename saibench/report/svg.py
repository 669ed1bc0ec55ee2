"""Small inline SVG pictures that follow the page's colours: elements, axes and marks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator

from saibench.formatting import minus

WIDTH, HEIGHT = 320, 172
"""Of a picture, in pixels of its own; it is drawn 300 pixels wide or more."""
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 22, 38

Scale = Callable[[float], float]


def element(name: str, *children: str, **attributes: object) -> Markup:
    """An element; `class_` and `text_anchor` are written `class` and `text-anchor`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{''.join(map(escape, children))}</{name}>")


def picture(label: str, *parts: Markup, height: int = HEIGHT) -> Markup:
    """The drawing with its name for a screen reader."""
    box = f"0 0 {WIDTH} {height}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=label, class_="picture")


def text(x: float, y: float, content: str, class_: str = "", anchor: str = "start") -> Markup:
    return element("text", content, x=_at(x), y=_at(y), class_=class_, text_anchor=anchor)


def path(commands: str, class_: str) -> Markup:
    return element("path", d=commands, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return path(f"M{_at(x1)} {_at(y1)}L{_at(x2)} {_at(y2)}", class_)


def curve(xs: Sequence[float], ys: Sequence[float], class_: str) -> Markup:
    """A line through the finite points."""
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x + y)]
    return path("M" + "L".join(f"{_at(x)} {_at(y)}" for x, y in points) if points else "", class_)


def dots(xs: Sequence[float], ys: Sequence[float], class_: str) -> Markup:
    """One round mark per point, as one path."""
    pairs = zip(xs, ys, strict=True)
    return path("".join(f"M{_at(x)} {_at(y)}h0" for x, y in pairs), class_)


def box(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    return element(
        "rect", x=_at(x), y=_at(y), width=_at(max(0.0, width)), height=_at(height), class_=class_
    )


@dataclass(frozen=True)
class Axis:
    """A linear scale from values to positions.

    Args:
        low, high: of the values.
        start, end: positions of the two.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 4) -> list[float]:
        """Round values within the axis."""
        found = MaxNLocator(most, steps=(1, 2, 2.5, 5, 10)).tick_values(self.low, self.high)
        room = 1e-9 * abs(self.high - self.low)
        return [float(one) for one in found if self.low - room <= one <= self.high + room]


def axes(x: Axis, y: Axis, x_label: str, y_label: str) -> list[Markup]:
    """Ticks, grid lines and labels of both axes; the y label is above the axis."""
    base = y.start
    parts = [text(4, 13, y_label, "axis-label"), line(x.start, base, x.end, base, "frame")]
    middle = (x.start + x.end) / 2
    parts.append(text(middle, base + 33, x_label, "axis-label", "middle"))
    for value in x.ticks():
        parts.append(text(x(value), base + 16, _tick(value), "tick", "middle"))
    for value in y.ticks(3):
        parts.append(line(x.start, y(value), x.end, y(value), "grid"))
        parts.append(text(x.start - 4, y(value) + 4, _tick(value), "tick", "end"))
    return parts


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _tick(value: float) -> str:
    return minus(f"{value:.4g}")
