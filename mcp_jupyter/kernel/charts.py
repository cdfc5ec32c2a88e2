# SPDX-License-Identifier: BSD-3-Clause
"""Charts of plotly and altair as their specification, which a model can read.

What these libraries tell IPython's formatters depends on where they take themselves to be shown, and is most
often a script of megabytes. Knows both by the names of their modules; imports neither.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

from pydantic_core import from_json

from .._util.class_names import library_of

__all__ = ["chart", "readable"]

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
