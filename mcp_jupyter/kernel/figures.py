# SPDX-License-Identifier: BSD-3-Clause
"""matplotlib figures that a call opens: its own, never the notebook's.

pyplot keeps the figures that are open in one table for the whole process (`Gcf.figs`), and IPython shows what
is in it after each cell. `CallFigures` stands in front of that table: what a call opens is kept with the
call, on whichever thread it runs, so that it appears in no cell and in no other call. Never imports
matplotlib: the table is replaced when the user's code imports it.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping, ValuesView
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from ..server.content.images import MAX_IMAGE_SIDE
from .calls import CURRENT, Call
from .figure_text import describe

__all__ = ["CallFigures", "encoded", "install", "readable_dpi", "take", "uninstall"]

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
