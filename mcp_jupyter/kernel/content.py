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

__all__ = ["kernel_table"]


def kernel_table(formatter: DisplayFormatter) -> ContentTable:
    """The table of a notebook's server.

    Parameters
    ----------
    formatter : DisplayFormatter
        The shell's; knows the formatters that libraries registered.
    """
    return ContentTable(default_rows(_figure, chart, _rich(formatter)))


def _figure(value: Any) -> Content | None:
    """A matplotlib figure, or the figure of the axes that plotting functions return, as PNG.

    Closed afterwards, so that it does not appear in the notebook as well.
    """
    if type(value).__module__.partition(".")[0] not in ("matplotlib", "seaborn"):
        return None
    get_figure = getattr(value, "get_figure", None)
    figure = value if hasattr(value, "savefig") else get_figure() if get_figure else None
    if not hasattr(figure, "savefig"):
        return None
    assert figure is not None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    return Content([Image(data=buffer.getvalue(), format="png").to_image_content()])


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
