# SPDX-License-Identifier: BSD-3-Clause
"""What Python values become on the wire."""

from . import columns, frames, models, paging
from .media import Audio, Image
from .mime import from_bundle
from .plain import plain, readable
from .resources import ResourceValue, to_resource
from .table import Content, ContentTable, FramePage, Row, default_rows

__all__ = [
    "Audio",
    "Content",
    "ContentTable",
    "FramePage",
    "Image",
    "ResourceValue",
    "Row",
    "columns",
    "default_rows",
    "frames",
    "from_bundle",
    "models",
    "paging",
    "plain",
    "readable",
    "to_resource",
]
