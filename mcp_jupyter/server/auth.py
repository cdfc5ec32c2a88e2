# SPDX-License-Identifier: BSD-3-Clause
"""OAuth at the server, which is not here."""

from .._util.absent import PAGE

__all__ = ()

raise ImportError(
    'mcp_jupyter has no OAuth for servers. mcp.run("streamable-http", token=...) asks for a token of '
    f"yours; in Jupyter, 'jupyter mcp token create' makes one that names a notebook and its tools. {PAGE}",
    name=__name__,
)
