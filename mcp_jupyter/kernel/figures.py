# SPDX-License-Identifier: BSD-3-Clause
"""matplotlib figures that a call opens: its own, never the notebook's.

pyplot keeps the figures that are open in one table for the whole process (`Gcf.figs`), and IPython shows what
is in it after each cell. `CallFigures` stands in front of that table: what a call opens is kept with the
call, on whichever thread it runs, so that it appears in no cell and in no other call. Never imports
matplotlib: the table is replaced when the user's code imports it.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, MutableMapping, ValuesView
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from pydantic_core import from_json

from .._util.names import library_of
from .._util.text import safe_line, shorten
from ..server.content.images import MAX_ABOUT_CHARS, MAX_IMAGE_SIDE
from .calls import CURRENT, Call

__all__ = [
    "CallFigures",
    "chart",
    "describe",
    "encoded",
    "install",
    "readable",
    "readable_dpi",
    "take",
    "uninstall",
]


_TABLE_MODULE: Final = "matplotlib._pylab_helpers"


class CallFigures(MutableMapping[Any, Any]):
    """pyplot's figures (their managers by number), as the code that asks sees them.

    Outside of calls: the notebook's. A call sees and closes its own; by number also the notebook's, as a cell
    would, unless it runs beside the notebook (`--concurrent`).
    """

    def __init__(self, notebooks: OrderedDict[Any, Any]) -> None:
        self.notebooks = notebooks

    def _own(self) -> OrderedDict[Any, Any]:
        call = CURRENT.get()
        return self.notebooks if call is None or call.output.closed else call.figures

    def _others(self) -> OrderedDict[Any, Any]:
        call = CURRENT.get()
        return OrderedDict() if call is None or call.invocation.concurrent else self.notebooks

    def __getitem__(self, number: Any) -> Any:
        own = self._own()
        return own[number] if number in own else self._others()[number]

    def __setitem__(self, number: Any, manager: Any) -> None:
        self._own()[number] = manager

    def __delitem__(self, number: Any) -> None:
        manager = self[number]
        self._own().pop(number, None)
        if self._others().get(number) is manager:
            del self.notebooks[number]

    def __iter__(self) -> Iterator[Any]:
        """All numbers that are taken: a new figure gets the next one."""
        return iter(list(dict.fromkeys([*self._others(), *self._own()])))

    def __len__(self) -> int:
        return len(self._own())

    def __contains__(self, number: object) -> bool:
        return number in self._own() or number in self._others()

    def values(self) -> ValuesView[Any]:
        return self._own().values()

    def clear(self) -> None:
        self._own().clear()

    def move_to_end(self, number: Any) -> None:
        """Make it the current one."""
        self._own().move_to_end(number)


class _WhenImported(MetaPathFinder):
    """Replaces pyplot's table when matplotlib is imported, before anything uses it."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _TABLE_MODULE:
            return None
        others = (finder for finder in sys.meta_path if not isinstance(finder, _WhenImported))
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_replace(module: ModuleType) -> None:
                execute(module)
                module.Gcf.figs = CallFigures(module.Gcf.figs)

            spec.loader.exec_module = execute_and_replace  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Begin to tell calls' figures from the notebook's. Main thread; `uninstall` undoes it."""
    gcf = _gcf()
    if gcf is None:
        sys.meta_path.insert(0, _WhenImported())
    elif not isinstance(gcf.figs, CallFigures):
        gcf.figs = CallFigures(gcf.figs)


def uninstall() -> None:
    """Leave pyplot as it was."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _WhenImported)]
    gcf = _gcf()
    if gcf is not None and isinstance(gcf.figs, CallFigures):
        gcf.figs = gcf.figs.notebooks


def take(call: Call, draw: bool) -> list[tuple[Any, dict[str, Any]]]:
    """Close the figures that the call left open; draw them before. In the call's context.

    A figure that cannot be drawn (a mistake in a formula) is told of on stderr: the call's value is
    worth more than its picture. An empty figure has no picture.

    Returns
    -------
    list of (figure, dict)
        For each a MIME bundle with a PNG picture in base64.
    """
    gcf = _gcf()
    if gcf is None or not isinstance(gcf.figs, CallFigures):
        return []
    drawn = []
    for number, manager in list(call.figures.items()):
        if gcf.figs.notebooks.get(number) is manager:
            continue  # a figure of the notebook that the call drew into
        figure = manager.canvas.figure
        picture: str | None = None
        try:
            if draw:
                picture = encoded(figure)
        except Exception as error:  # noqa: BLE001 - whatever drawing raises
            print(f"figure {number} could not be drawn: {error}", file=sys.stderr)
        finally:
            sys.modules["matplotlib.pyplot"].close(figure)
        if picture is not None:
            drawn.append((figure, {"image/png": picture, "text/plain": describe(figure)}))
    return drawn


def encoded(figure: Any) -> str | None:
    """A figure as a PNG picture in base64; None for an empty one."""
    from IPython.core import pylabtools

    draw: Callable[..., str | None] = pylabtools.print_figure
    return draw(figure, fmt="png", base64=True, dpi=readable_dpi(figure))


def readable_dpi(figure: Any) -> float:
    """Dots an inch at which a figure is no larger than a model looks at.

    To draw it larger and scale it down then takes time and memory with the square of it: at 2000 dpi half a
    minute and a gigabyte.
    """
    return float(min(figure.dpi, MAX_IMAGE_SIDE / max(*figure.get_size_inches(), 1)))


def _gcf() -> Any:
    return getattr(sys.modules.get(_TABLE_MODULE), "Gcf", None)


# -- charts --------------------------------------------------------------------------------------
#
# Charts of plotly and altair as their specification, which a model can read.
#
# What these libraries tell IPython's formatters depends on where they take themselves to be shown, and is
# most often a script of megabytes. Knows both by the names of their modules; imports neither.

PLOTLY: Final = "application/vnd.plotly.v1+json"
_VEGA_LITE: Final = re.compile(r"/vega-lite/v(\d+)")


def chart(value: Any) -> dict[str, Any] | None:
    """The specification of a chart, as a MIME bundle; None for anything else."""
    library = library_of(type(value))
    if library == "plotly" and hasattr(value, "to_plotly_json") and hasattr(value, "to_json"):
        return readable({PLOTLY: from_json(value.to_json())})
    if library == "altair" and hasattr(value, "to_dict") and hasattr(value, "save"):
        specification = value.to_dict()
        version = _VEGA_LITE.search(str(specification.get("$schema")))
        return {f"application/vnd.vegalite.v{version[1] if version else 5}+json": specification}
    return None


def readable(bundle: dict[str, Any]) -> dict[str, Any]:
    """A MIME bundle with the numbers of plotly's chart, if it has one, as numbers."""
    return bundle | {PLOTLY: _readable(bundle[PLOTLY])} if PLOTLY in bundle else bundle


def _readable(part: Any) -> Any:
    """Plotly's arrays as numbers: it writes those of NumPy as base64."""
    if isinstance(part, list):
        return [_readable(item) for item in part]
    if not isinstance(part, dict):
        return part
    numpy = sys.modules.get("numpy")
    if numpy is None or not {"bdata", "dtype"} <= part.keys():
        return {key: _readable(item) for key, item in part.items()}
    from base64 import b64decode

    array = numpy.frombuffer(b64decode(part["bdata"]), dtype=part["dtype"])
    if "shape" in part:
        array = array.reshape([int(side) for side in str(part["shape"]).split(",")])
    return array.tolist()


# -- figure text ---------------------------------------------------------------------------------
#
# What a matplotlib figure shows, in one line for a model that does not see it: titles, labels, marks.
#
# Reads the figure's own words and numbers; never imports matplotlib, so classes are known by their names.

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
        return shorten(", ".join([head, *_parts(axes[0])]), MAX_ABOUT_CHARS)
    said = f"{head}, {len(axes)} axes"
    for number, each in enumerate(axes, 1):
        more = f"; {number}: " + (", ".join(filter(None, [_title(each), *_parts(each)])) or "empty")
        rest = f"; and {len(axes) - number + 1} more"
        if len(said) + len(more) + len(rest) > MAX_ABOUT_CHARS:
            return shorten(said + rest, MAX_ABOUT_CHARS)
        said += more
    return said


def _quoted(text: Any) -> str:
    line = safe_line(str(text), MAX_LABEL_CHARS)
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
