# SPDX-License-Identifier: BSD-3-Clause
"""Placeholder for the first SDK's OAuth server: importing it says what to use instead."""

from .._util.absent import PAGE

__all__ = ()

raise ImportError(
    'mcp_jupyter has no OAuth for servers. mcp.run("streamable-http", token=...) asks for a token of '
    f"yours; in Jupyter, 'jupyter mcp token create' makes one that names a notebook and its tools. {PAGE}",
    name=__name__,
)
