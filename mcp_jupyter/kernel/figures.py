# SPDX-License-Identifier: BSD-3-Clause
"""matplotlib figures that a call opens and leaves open.

Looks at pyplot's list of figures, on the main thread only (pyplot is not made for more). Never imports
matplotlib: while nobody has, there are no figures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from ..server.content.media import MAX_IMAGE_SIDE

__all__ = ["readable_dpi", "take", "watch"]

T = TypeVar("T")


def watch(opened: list[Any], function: Callable[..., T], *args: Any) -> T:
    """Call the function; put into `opened` the managers of the figures it opened."""
    before = _managers()
    try:
        return function(*args)
    finally:
        if (after := _managers()) != before:
            opened.extend(manager for manager in after if manager not in before)


def take(opened: list[Any], draw: bool) -> list[dict[str, Any]]:
    """Close those still open, that they do not turn up in a person's next cell; draw them before.

    A figure that cannot be drawn (a mistake in a formula) is told of on stderr: the call's value is
    worth more than its picture. An empty figure has no picture.

    Returns
    -------
    list of dict
        A MIME bundle each, with a PNG picture in base64.
    """
    from IPython.core import pylabtools

    print_figure: Callable[..., str | None] = pylabtools.print_figure
    bundles = []
    for manager in _managers():
        if manager not in opened:
            continue
        figure = manager.canvas.figure
        try:
            dpi = readable_dpi(figure)
            picture = print_figure(figure, fmt="png", base64=True, dpi=dpi) if draw else None
        except Exception as error:  # noqa: BLE001 - whatever drawing raises
            print(f"figure {manager.num} could not be drawn: {error}", file=sys.stderr)
            picture = None
        finally:
            sys.modules["matplotlib.pyplot"].close(figure)
        if picture is not None:
            bundles.append({"image/png": picture, "text/plain": repr(figure)})
    return bundles


def readable_dpi(figure: Any) -> float:
    """Dots an inch at which a figure is no larger than a model looks at.

    To draw it larger and scale it down then takes time and memory with the square of it: at 2000 dpi half a
    minute and a gigabyte.
    """
    return float(min(figure.dpi, MAX_IMAGE_SIDE / max(*figure.get_size_inches(), 1)))


def _managers() -> list[Any]:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return []
    managers: list[Any] = helpers.Gcf.get_all_fig_managers()
    return managers
