# SPDX-License-Identifier: BSD-3-Clause
"""Convert Python values to MCP content and to resources."""

from . import columns, resources, tables, values
from .conversion import Content, ContentTable, FramePage, Row, default_rows, from_bundle
from .images import Audio, Image
from .resources import ResourceValue, to_resource
from .values import plain, readable

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
    "from_bundle",
    "plain",
    "readable",
    "resources",
    "tables",
    "to_resource",
    "values",
]
