# SPDX-License-Identifier: BSD-3-Clause
"""Convert values of a notebook to content: figures, charts and rich displays, both returned and displayed.

`kernel_table` adds the kernel's rows to the content table, which converts returned values. `Displays` does
the same for displayed values: it makes their MIME forms where IPython's are worse, and turns them into
content at the end of the call, on the thread that ran it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, Final

from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import ExecutionResult

from .._util.names import is_builtin, library_of
from ..server.content import Content, ContentTable, FramePage, Row, default_rows, from_bundle, tables
from ..server.content.conversion import HTML, RICH_TYPES, TEXT, most_useful
from ..server.content.images import picture
from ..server.content.markup import readable_html
from . import figures
from .calls import CURRENT, KernelCall
from .figures import chart, describe, readable
from .outputs import Display

__all__ = ["Displays", "kernel_table"]

Forms = tuple[dict[str, Any], dict[str, Any]]
"""A value's MIME bundle and its metadata, as IPython's formatter returns them."""

_PLOTTING: Final = frozenset({"ipympl", "matplotlib", "seaborn"})


def kernel_table(formatter: DisplayFormatter, *, close_figures: bool = True) -> ContentTable:
    """Make the content table of a notebook's server.

    Parameters
    ----------
    formatter : DisplayFormatter
        The shell's formatter, at which libraries register theirs.
    close_figures : bool
        Whether to close a figure after drawing it, so that it does not appear in the notebook as well. False
        where values are only read: the figure is a variable that the user goes on using.
    """
    rows = default_rows(_figures(close_figures), _charts, _rich(formatter))
    return _ReturnTable(rows) if close_figures else ContentTable(rows)


class _ReturnTable(ContentTable):
    """The table for values that functions return."""

    def convert(self, value: Any, promised: Any = None, page_chars: int = tables.PAGE_CHARS) -> Content:
        """Convert one value; of the result of a cell that the function ran (`run_cell`), its value.

        Raises
        ------
        Exception
            That cell raised it.
        """
        if isinstance(value, ExecutionResult):
            value.raise_error()
            value = value.result
        _forget_display(value, results_only=True)
        return super().convert(value, promised, page_chars)


def _forget_display(value: Any, *, results_only: bool = False) -> None:
    """Drop the last display of a value that the call returns, so that the value is sent once.

    With `results_only` only the value of a cell that the call ran is dropped, because other displays may show
    an earlier state of the value.
    """
    call = CURRENT.get()
    if call is not None and value is not None:
        call.output.forget(value, results_only=results_only)


def _figures(close: bool) -> Row:
    """Make the row for matplotlib figures, also those of axes, ipympl canvases and seaborn grids, as PNG."""

    def row(value: Any) -> Content | None:
        figure = _figure_of(value)
        if figure is None:
            return None
        blocks = picture(_drawn(figure), "image/png", describe(figure))
        pyplot = sys.modules.get("matplotlib.pyplot")
        if close:
            _forget_display(figure)
            if pyplot is not None:
                pyplot.close(figure)
        return Content(blocks)

    return row


def _figure_of(value: Any) -> Any:
    """Return the figure that a value is, has (seaborn's grids) or is drawn in (axes, also of a subfigure)."""
    if library_of(type(value)) not in _PLOTTING:
        return None
    for _ in range(3):
        if value is None or hasattr(value, "get_size_inches"):
            return value
        value = getattr(value, "figure", None)
    return None


def _drawn(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", dpi=figures.readable_dpi(figure))
    return buffer.getvalue()


def _charts(value: Any) -> Content | None:
    bundle = chart(value)
    return None if bundle is None else Content(from_bundle(bundle), mime_type=next(iter(bundle)))


def _rich(formatter: DisplayFormatter) -> Row:
    def row(value: Any) -> Content | None:
        if is_builtin(value):
            # Built-in types have no rich form, and asking every formatter would take longer than the rest.
            return None
        bundle, said = formatter.format(value, include=set(RICH_TYPES))
        if HTML in bundle:  # `most_useful` compares it with the text
            bundle |= formatter.format(value, include={TEXT})[0]
        found = most_useful(bundle)
        if found is None:
            return None
        mime, data = found
        form = {mime: data}
        if mime.startswith("image/"):  # the text becomes its description
            form |= formatter.format(value, include={TEXT})[0]
        return Content(from_bundle(_with_alt(form, said)), mime_type=mime)

    return row


def _with_alt(bundle: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Return a bundle whose text is the alternative text of its picture, if any (`Image(..., alt="...")`)."""
    alts = [about["alt"] for about in said.values() if isinstance(about, dict) and about.get("alt")]
    return bundle | {TEXT: str(alts[0])} if alts else bundle


class Displays:
    """Makes content of the values that calls display.

    Parameters
    ----------
    formatter : DisplayFormatter
        The shell's formatter.
    """

    def __init__(self, formatter: DisplayFormatter) -> None:
        self._formatter = formatter
        self._table = kernel_table(formatter, close_figures=False)

    def forms(self, call: KernelCall, value: Any, original: Callable[[], Forms]) -> Forms:
        """Return the MIME bundle and the metadata of a value that the call displays.

        Parameters
        ----------
        call : Call
            The call that displays it.
        value : Any
            The displayed value.
        original : callable
            Returns IPython's bundle and metadata.
        """
        try:
            bundle, page = self._own_forms(value, original)
        except Exception:  # noqa: BLE001 - whatever drawing or a library's conversion raises: IPython reports it
            bundle, page = None, None
        metadata = call.output.mark(_figure_of(value) or value, page)
        if bundle is not None:
            return bundle, metadata
        bundle, said = original()
        return _with_alt(bundle, said), said | metadata

    def _own_forms(
        self, value: Any, original: Callable[[], Forms]
    ) -> tuple[dict[str, Any] | None, FramePage | None]:
        """Return the bundle, or None to use IPython's; and for a data frame the page that it shows."""
        if tables.as_frame(value) is not None:
            (page,) = self._table.convert(value).pages
            return original()[0] | {"text/markdown": page.block.text}, page
        figure = _figure_of(value)
        if figure is not None:
            drawn = figures.encoded(figure)
            return {TEXT: describe(figure)} | ({} if drawn is None else {"image/png": drawn}), None
        return chart(value), None

    def finish(self, call: KernelCall, succeeded: bool) -> None:
        """Close the figures that a call left open, and convert its displays. Runs in the call's context."""
        for figure, bundle in figures.take(call, draw=succeeded):
            call.output.show_last(bundle, figure)
        if succeeded:
            call.displayed = [self._content(shown) for shown in call.output.displays]

    def _content(self, shown: Display) -> Content:
        if shown.page is not None:
            return Content([shown.page.block], pages=[shown.page])
        return Content(self._blocks(shown))

    def _blocks(self, shown: Display) -> list[Any]:
        widgets = sys.modules.get("ipywidgets")
        if widgets is None or not isinstance(shown.source, widgets.Widget):
            return from_bundle(readable(shown.bundle))
        if shown.source.comm is None:
            return []  # a closed widget is no longer visible in the notebook either
        bundle, _ = self._formatter.format(shown.source)
        # tqdm's widget loses its text form when its progress bar has been deleted.
        return from_bundle(bundle if TEXT in bundle else {TEXT: _widget_text(shown.source)})


def _widget_text(widget: Any) -> str:
    """Return the text that a widget shows: its own, or that of its children."""
    children = getattr(widget, "children", None)
    if children:
        return " ".join(filter(None, map(_widget_text, children)))
    value = getattr(widget, "value", None)
    return readable_html(value).text if isinstance(value, str) else ""
