# SPDX-License-Identifier: BSD-3-Clause
"""A result in the views that fit it: as a table, as a tree, as text with its images, and as it was sent.

What a server sent is shown as text and as images, in all views. Main thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import ipywidgets as widgets

from .._ipython.cards import inert
from .._util.text import MAX_BLOCK_CHARS, MAX_MESSAGE_CHARS, safe_block, safe_line, shorten
from ..notebook_client.display import is_page, page_bundle
from ..protocol.frames import dumps
from .forms.values import json_text
from .html import WIDE, muted

__all__ = ["ResultView"]


MAX_NODES: Final = 1_000
"""Values in a tree: more than a user opens, and few enough for the page."""

MAX_DEPTH: Final = 20
"""Levels of a tree; a deeper value is one line."""

OPEN_LEVELS: Final = 2
"""Levels that are open at the start: they tell what is in the result."""

MAX_RAW_CHARS: Final = 2_000
"""Characters of one text in the raw view. Longer ones are mostly the bytes of images."""

_BOX: Final = {
    "width": "auto",
    "max_height": "420px",
    "overflow": "auto",
    "border": "1px solid var(--jp-border-color2, #e0e0e0)",
    "margin": "0 2px",
    "padding": "4px",
}
_INSET: Final = "margin-left:1.2em;line-height:1.5"

View: TypeAlias = Callable[[], str | Sequence[Mapping[str, Any]]]
"""Makes a view when it is chosen: HTML of ours, or displays by their MIME types."""


class ResultView:
    """Shows one result at a time; the user chooses the view.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self) -> None:
        self._views: Mapping[str, View] = {}
        self._wanted = ""
        self._choice = widgets.ToggleButtons(
            options=(),
            style={"button_width": "auto"},
            layout={"width": "auto", "margin": "0"},
        )
        self._choice.observe(self._chosen, "value")
        self._html = widgets.HTML(layout={**_BOX, "display": "none"})
        self._output = widgets.Output(layout={**_BOX, "display": "none"})
        parts = [self._choice, self._html, self._output]
        self.widget = widgets.VBox(parts, layout={**WIDE, "display": "none"})

    def show(self, result: Any) -> None:
        """Show a result, in the view that was last chosen if that fits."""
        self._views = views_of(result)
        names = tuple(self._views)
        self._choice.unobserve(self._chosen, "value")
        self._choice.options = names
        self._choice.value = self._wanted if self._wanted in names else names[0]
        self._choice.observe(self._chosen, "value")
        self.widget.layout.display = None
        self._draw()

    def clear(self) -> None:
        """Show nothing."""
        self.widget.layout.display = "none"
        self._views = {}
        self._draw()

    def _chosen(self, change: Any) -> None:
        self._wanted = change["new"]
        self._draw()

    def _draw(self) -> None:
        made = self._views[self._choice.value]() if self._views else ""
        html, displays = (made, ()) if isinstance(made, str) else ("", made)
        self._html.value = html
        self._html.layout.display = None if html else "none"
        self._output.outputs = tuple(
            {"output_type": "display_data", "data": dict(data), "metadata": {}} for data in displays
        )
        self._output.layout.display = None if displays else "none"


def views_of(result: Any) -> dict[str, View]:
    """Return the views that fit a result by their names, the best one first.

    Parameters
    ----------
    result : CallResult, ReadResult or PromptResult
    """
    data = getattr(result, "data", None)
    views: dict[str, View] = {}
    page = _page_of(data)
    if page is not None:
        views["Table"] = lambda: f'<div style="line-height:1.5">{page_bundle(page, "")["text/html"]}</div>'
    if isinstance(data, Mapping | list) and data:
        views["Tree"] = lambda: _tree_html(data)
    bundles = list(result.bundles())
    if is_page(data) and "text/html" in bundles[0]:  # the same table, which has a view of its own
        bundles[0] = {"text/plain": bundles[0]["text/plain"]}
    first: dict[str, View] = {"Text": lambda: bundles}
    has_media = any(len(bundle) > 1 for bundle in bundles)
    views = {**first, **views} if has_media else {**views, **first}
    return {**views, "Raw": lambda: [{"text/plain": _raw_text(result.raw)}]}


def _page_of(data: Any) -> Mapping[str, Any] | None:
    """Return a table as columns and rows: one that was sent so, or a list of objects."""
    if is_page(data):
        page: Mapping[str, Any] = data
        return page
    if not isinstance(data, list) or not data or not all(isinstance(each, Mapping) and each for each in data):
        return None
    columns = list(dict.fromkeys(name for each in data for name in each))
    return {"columns": columns, "rows": [[each.get(name) for name in columns] for each in data]}


# -- tree ------------------------------------------------------------------------------------------


def _tree_html(data: Any) -> str:
    """Return JSON as HTML of ours: what is nested can be opened and closed."""
    left = iter(range(MAX_NODES))
    lines = "".join(_nodes(data, 0, left))
    more = muted("... and more, see the raw view") if next(left, None) is None else ""
    return f'<div style="line-height:1.5">{lines}{more}</div>'


_PLURALS: Final = {"item": "items", "property": "properties"}


def _nodes(value: Any, depth: int, left: Iterator[int]) -> Iterator[str]:
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, item in pairs:
        if next(left, None) is None:
            return
        name = f"<strong>{inert(safe_line(str(key)))}</strong>"
        if isinstance(item, Mapping | list) and item and depth < MAX_DEPTH:
            what = "item" if isinstance(item, list) else "property"
            count = f"1 {what}" if len(item) == 1 else f"{len(item)} {_PLURALS[what]}"
            is_open = " open" if depth + 1 < OPEN_LEVELS else ""
            within = "".join(_nodes(item, depth + 1, left))
            yield (
                f'<details{is_open}><summary style="cursor:pointer">{name}: {count}</summary>'
                f'<div style="{_INSET}">{within}</div></details>'
            )
        else:
            line = safe_line(dumps(item).decode("utf-8", "replace"), MAX_MESSAGE_CHARS)
            yield f'<div style="overflow-wrap:anywhere">{name}: {inert(line)}</div>'


# -- raw -------------------------------------------------------------------------------------------


def _raw_text(raw: Any) -> str:
    sent = raw.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return safe_block(json_text(_cut(sent)), MAX_BLOCK_CHARS)


def _cut(value: Any) -> Any:
    """Return JSON with its long texts shortened."""
    if isinstance(value, Mapping):
        return {key: _cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return shorten(value, MAX_RAW_CHARS) if isinstance(value, str) else value
