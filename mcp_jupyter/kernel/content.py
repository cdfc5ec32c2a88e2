# SPDX-License-Identifier: BSD-3-Clause
"""The rows a kernel adds to the content table: figures, and whatever IPython can display richly."""

from __future__ import annotations

import io
import sys
from base64 import b64decode
from typing import Any

from IPython.core.formatters import DisplayFormatter

from ..server.content import Content, ContentTable, Image, Row, default_rows, from_bundle
from ..server.content.mime import RICH_TYPES, type_of
from .charts import chart
from .figures import readable_dpi

__all__ = ["kernel_table"]


def kernel_table(formatter: DisplayFormatter, *, close_figures: bool = True) -> ContentTable:
    """The table of a notebook's server.

    Parameters
    ----------
    formatter : DisplayFormatter
        The shell's; knows the formatters that libraries registered.
    close_figures : bool
        Whether a figure that has become a picture is closed, so that it does not appear in the notebook as
        well. Not where somebody only reads: the figure is a variable that the person goes on with.
    """
    return ContentTable(default_rows(_figures(close_figures), chart, _rich(formatter)))


def _figures(close: bool) -> Row:
    """A matplotlib figure, or that of axes or of one of seaborn's grids, as PNG."""

    def row(value: Any) -> Content | None:
        if type(value).__module__.partition(".")[0] not in ("matplotlib", "seaborn"):
            return None
        figure = _figure_of(value)
        if figure is None:
            return None
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", bbox_inches="tight", dpi=readable_dpi(figure))
        pyplot = sys.modules.get("matplotlib.pyplot")
        if close and pyplot is not None:
            pyplot.close(figure)
        return Content([Image(data=buffer.getvalue(), format="png").to_image_content()])

    return row


def _figure_of(value: Any) -> Any:
    """The figure that a value is, has (seaborn's grids) or is drawn in (axes, also of a subfigure)."""
    for _ in range(3):
        if value is None or hasattr(value, "get_size_inches"):
            return value
        value = getattr(value, "figure", None)
    return None


def _picture(data: str | bytes, mime: str) -> Any:
    encoded = b64decode(data) if isinstance(data, str) else data
    return Image(data=encoded, format=mime.partition("/")[2]).to_image_content()


def _rich(formatter: DisplayFormatter) -> Row:
    def row(value: Any) -> Content | None:
        if type(value).__module__ == "builtins":
            # Nobody displays a dict or a number richly; asking every formatter costs more than the answer.
            return None
        bundle, _ = formatter.format(value, include=set(RICH_TYPES))
        mime = type_of(bundle)
        if mime is None:
            return None
        if mime in ("image/png", "image/jpeg"):
            return Content([_picture(bundle[mime], mime)])
        return Content(from_bundle(bundle), mime_type=mime)

    return row
