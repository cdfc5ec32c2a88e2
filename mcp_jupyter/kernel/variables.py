# SPDX-License-Identifier: BSD-3-Clause
"""A variable of the notebook as a resource, read afresh each time, also while a cell runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR
from ..server.content import ContentTable, ResourceValue, to_resource
from ..server.fastmcp.resources import Resource

__all__ = ["variable_resource", "variable_uri"]


def variable_uri(name: str) -> str:
    """The URI of a variable."""
    return f"notebook://variables/{quote(name)}"


def variable_resource(
    namespace: Mapping[str, Any],
    variable: str,
    table: ContentTable,
    *,
    name: str | None = None,
    description: str | None = None,
) -> Resource:
    """The resource of a variable.

    The value is looked up and converted when it is read, on a worker thread: never the value of an
    earlier time, and never behind a running cell.
    """
    read = _reader(namespace, variable, table)
    return Resource.of(
        variable_uri(variable),
        read,
        name=name or variable,
        description=description or f"The variable {variable} of the notebook, as it is now.",
        mime_type=None,
        concurrent=True,
    )


def _reader(namespace: Mapping[str, Any], variable: str, table: ContentTable) -> Callable[[], ResourceValue]:
    def read() -> ResourceValue:
        try:
            value = namespace[variable]
        except KeyError:
            raise McpError(
                INTERNAL_ERROR, f"The variable {variable!r} does not exist (any more) in the notebook."
            ) from None
        return to_resource(value, table)

    return read
