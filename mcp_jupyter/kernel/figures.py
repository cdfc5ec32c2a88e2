# SPDX-License-Identifier: BSD-3-Clause
"""Keep the matplotlib figures of a call apart from the notebook's, and describe figures and charts.

pyplot keeps the open figures in one table for the whole process (`Gcf.figs`), and IPython shows all of them
after each cell. `CallFigures` replaces that table: figures that a call opens are kept with the call, on
whichever thread it runs, so that neither a cell nor another call shows them. This module never imports
matplotlib: the table is replaced when the user's code imports it.
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode
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
from .calls import CURRENT, KernelCall

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
    """pyplot's figure managers by number, as the running code sees them.

    Code outside of calls sees the notebook's figures. A call sees and closes its own. By number it also
    reaches the notebook's, as a cell would, unless it runs beside the notebook (`--concurrent`).
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
        # One figure may be in both tables: a call may make a notebook's figure the current one.
        manager = self[number]
        self._own().pop(number, None)
        if self._others().get(number) is manager:
            del self.notebooks[number]

    def __iter__(self) -> Iterator[Any]:
        """All numbers in use: pyplot gives a new figure the next one."""
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
        """Make a figure the current one."""
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
    """Begin to keep calls' figures apart from the notebook's. Main thread; `uninstall` undoes it."""
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


def take(call: KernelCall, draw: bool) -> list[tuple[Any, dict[str, Any]]]:
    """Draw and close the figures that the call left open. Runs in the call's context.

    A figure that cannot be drawn (a mistake in a formula, say) becomes a line on stderr, so that the call
    keeps its value. An empty figure is left out.

    Parameters
    ----------
    call : Call
        The call that opened the figures.
    draw : bool
        Whether to draw them. Without it they are only closed.

    Returns
    -------
    list of (figure, dict)
        Each drawn figure with its MIME bundle: a PNG picture in base64, and a description.
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
    """Draw a figure as a PNG picture in base64; return None for an empty one."""
    from IPython.core import pylabtools

    draw: Callable[..., str | None] = pylabtools.print_figure
    return draw(figure, fmt="png", base64=True, dpi=readable_dpi(figure))


def readable_dpi(figure: Any) -> float:
    """Return the dots an inch at which a figure is at most `MAX_IMAGE_SIDE` pixels wide and high.

    Models scale larger pictures down. Drawing them takes time and memory with the square of the resolution:
    at 2000 dpi half a minute and a gigabyte.
    """
    return float(min(figure.dpi, MAX_IMAGE_SIDE / max(*figure.get_size_inches(), 1)))


def _gcf() -> Any:
    return getattr(sys.modules.get(_TABLE_MODULE), "Gcf", None)


# -- charts --------------------------------------------------------------------------------------
#
# Charts of plotly and altair become their specification, which a model can read.
#
# What these libraries give IPython's formatters depends on the front end that they detect, and is most often
# a script of megabytes. Both are recognised by the names of their modules, without importing them.

PLOTLY: Final = "application/vnd.plotly.v1+json"
_VEGA_LITE: Final = re.compile(r"/vega-lite/v(\d+)")


def chart(value: Any) -> dict[str, Any] | None:
    """Return the specification of a chart as a MIME bundle; None for any other value."""
    library = library_of(type(value))
    if library == "plotly" and hasattr(value, "to_plotly_json") and hasattr(value, "to_json"):
        return readable({PLOTLY: from_json(value.to_json())})
    if library == "altair" and hasattr(value, "to_dict") and hasattr(value, "save"):
        specification = value.to_dict()
        version = _VEGA_LITE.search(str(specification.get("$schema")))
        return {f"application/vnd.vegalite.v{version[1] if version else 5}+json": specification}
    return None


def readable(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return a MIME bundle in which a plotly chart, if there is one, has its arrays as lists of numbers."""
    return bundle | {PLOTLY: _readable(bundle[PLOTLY])} if PLOTLY in bundle else bundle


def _readable(part: Any) -> Any:
    """Replace the base64 in which plotly writes NumPy arrays by lists of numbers."""
    if isinstance(part, list):
        return [_readable(item) for item in part]
    if not isinstance(part, dict):
        return part
    numpy = sys.modules.get("numpy")
    if numpy is None or not {"bdata", "dtype"} <= part.keys():
        return {key: _readable(item) for key, item in part.items()}
    array = numpy.frombuffer(b64decode(part["bdata"]), dtype=part["dtype"])
    if "shape" in part:
        array = array.reshape([int(side) for side in str(part["shape"]).split(",")])
    return array.tolist()


# -- figure text ---------------------------------------------------------------------------------
#
# One line that says what a matplotlib figure shows, for a model that does not see it: titles, labels, marks.
#
# Classes are recognised by their names, because this module never imports matplotlib.

MAX_LABEL_CHARS: Final = 80
"""Characters of one title, label or legend entry."""

MAX_ENTRIES: Final = 6
"""Entries of a legend that are named."""

_MARKS: Final = {
    "PathCollection": "point",
    "Wedge": "wedge",
    "PolyCollection": "area",
    "FillBetweenPolyCollection": "area",
    "QuadContourSet": "contour plot",
    "Rectangle": "rectangle",
}
"""Names for the marks that are counted besides lines and bars, by the name of their class."""


def describe(figure: Any) -> str:
    """Describe a figure in one line of at most `MAX_ABOUT_CHARS` characters that is safe to show."""
    with suppress(Exception):  # a subclass in a library or in the user's code may raise anything
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
    """Describe one set of axes, apart from its title."""
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
