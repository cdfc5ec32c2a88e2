# SPDX-License-Identifier: BSD-3-Clause
"""What a matplotlib figure shows, in one line for a model that does not see it: titles, labels, marks.

Reads the figure's own words and numbers; never imports matplotlib, so classes are known by their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

from ..server.content.images import MAX_ABOUT_CHARS, one_line

__all__ = ["describe"]

MAX_LABEL_CHARS: Final = 80
"""Of one title, label or entry of a legend."""

MAX_ENTRIES: Final = 6
"""Of a legend."""

_MARKS: Final = {
    "PathCollection": "point",
    "Wedge": "wedge",
    "PolyCollection": "area",
    "FillBetweenPolyCollection": "area",
    "QuadContourSet": "contour plot",
    "Rectangle": "rectangle",
}
"""What is counted besides lines and bars, by the name of its class."""


def describe(figure: Any) -> str:
    """A figure in at most `MAX_ABOUT_CHARS` characters of one inert line."""
    with suppress(Exception):  # a class of a library or of the user's may raise anything
        return _described(figure)
    return "Figure"


def _described(figure: Any) -> str:
    axes = [each for each in figure.axes if each.get_label() != "<colorbar>"]
    title = _suptitle(figure) or (_title(axes[0]) if len(axes) == 1 else "") or _quoted(figure.get_label())
    head = f"Figure {title}" if title else "Figure"
    if not axes:
        return f"{head}, empty"
    if len(axes) == 1:
        return _cut(", ".join([head, *_parts(axes[0])]))
    said = f"{head}, {len(axes)} axes"
    for number, each in enumerate(axes, 1):
        more = f"; {number}: " + (", ".join(filter(None, [_title(each), *_parts(each)])) or "empty")
        rest = f"; and {len(axes) - number + 1} more"
        if len(said) + len(more) + len(rest) > MAX_ABOUT_CHARS:
            return _cut(said + rest)
        said += more
    return said


def _cut(text: str) -> str:
    return text if len(text) <= MAX_ABOUT_CHARS else f"{text[: MAX_ABOUT_CHARS - 3]}..."


def _quoted(text: Any) -> str:
    line = one_line(str(text), MAX_LABEL_CHARS)
    return f"'{line}'" if line else ""


def _suptitle(figure: Any) -> str:
    title = getattr(figure, "_suptitle", None)  # `get_suptitle` came with matplotlib 3.8
    return "" if title is None else _quoted(title.get_text())


def _title(axes: Any) -> str:
    titles = (_quoted(axes.get_title(loc=side)) for side in ("center", "left", "right"))
    return next(filter(None, titles), "")


def _parts(axes: Any) -> Iterator[str]:
    """What one set of axes has, but for its title."""
    readers = [getattr(axes, f"get_{side}label", None) for side in "xyz"]
    labels = [(side, _quoted(read())) for side, read in zip("xyz", readers, strict=True) if read is not None]
    if all(label for _, label in labels):
        yield "axes " + " and ".join(label for _, label in labels)
    else:
        yield from (f"{side} axis {label}" for side, label in labels if label)
    yield from _marks(axes)
    legend = axes.get_legend()
    if legend is not None:
        entries = [_quoted(text.get_text()) for text in legend.get_texts()]
        yield "legend " + ", ".join(entries[:MAX_ENTRIES] + ["..."] * (len(entries) > MAX_ENTRIES))


def _marks(axes: Any) -> Iterable[str]:
    bars = [patch for each in axes.containers if _kind(each) == "BarContainer" for patch in each.patches]
    known = {id(patch) for patch in bars}
    counts = Counter({"line": len(axes.lines), "bar": len(bars)})
    for mark in (*axes.collections, *(patch for patch in axes.patches if id(patch) not in known)):
        name = _MARKS.get(_kind(mark))
        if name is not None:
            counts[name] += len(mark.get_offsets()) if name == "point" else 1
    yield from (f"{number} {name}{'s' * (number > 1)}" for name, number in counts.items() if number)
    for mesh in axes.collections:
        if _kind(mesh) == "QuadMesh":
            yield f"a mesh of {mesh.get_array().size} cells"
    for image in axes.images:
        rows, columns = image.get_size()
        yield f"an image of {columns}x{rows}"


def _kind(mark: Any) -> str:
    return type(mark).__name__
