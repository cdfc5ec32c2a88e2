# SPDX-License-Identifier: BSD-3-Clause
"""Errors for names of the first MCP SDK that this package lacks. They say what to use instead.

Each module that lacks such names has a table of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["OVER_HTTP", "PAGE", "TASKS", "absent"]

PAGE: Final = "See docs/from-the-mcp-sdk.md."

OVER_HTTP: Final = (
    'mcp.run("streamable-http") and mcp.run("sse") serve over HTTP; in async code it is '
    "mcp_jupyter.server.http.app.serve_http(server, port=8000). It is not an ASGI application: put "
    "a proxy before it."
)

TASKS: Final = (
    "mcp_jupyter has no experimental tasks. @mcp.tool(task=True) or ctx.as_task() makes a call a task, for "
    f"clients that take them (io.modelcontextprotocol/tasks). {PAGE}"
)


def absent(module: str, instead: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module (PEP 562).

    Parameters
    ----------
    module : str
        The name of the module.
    instead : mapping
        The SDK's names that the module lacks, each with a sentence that says what to use.

    Returns
    -------
    callable
        It raises ImportError for these names, AttributeError for all others.
    """

    def find(name: str) -> Any:
        if name in instead:
            raise ImportError(f"{module} has no {name}. {instead[name]} {PAGE}", name=module)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find
