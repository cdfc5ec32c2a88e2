# SPDX-License-Identifier: BSD-3-Clause
"""The table of comparisons, with the target ratio of each."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

from .callers import caller, cell
from .wire import opening
from .workloads import COUNT, LIST, WITHOUT_JOURNAL, Opener, Starts, legacy, modern, notebook, sse, stdio

__all__ = ["CASES", "Case"]

OURS: Final = "benchmarks.server_ours"
SDK: Final = "benchmarks.server_sdk"
OUR_CLIENT: Final = "benchmarks.client_ours"
SDK_CLIENT: Final = "benchmarks.client_sdk"
SDK_BLOCKING: Final = "benchmarks.client_sdk_blocking"


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    name, title : str
        For the command line, and for the printed table.
    target : float
        Smallest ratio of the peer's processor time to ours.
    times : int
        Repetitions in a round.
    ours, peer : callable
        Open the two workloads.
    """

    name: str
    title: str
    target: float
    times: int
    ours: Opener
    peer: Opener


def _imports(module: str, name: str) -> Opener:
    code = (
        f"from {module} import {name}\n@{name}('x').tool()\ndef add(a: int) -> int: ...\nprint(1, flush=True)"
    )
    return lambda: nullcontext(Starts(["-c", code]))


def _starts(module: str) -> Opener:
    return lambda: nullcontext(Starts(["-m", module, "stdio"], opening()))


CASES: Final = (
    Case("stdio", "stdio", 6.3, 300, partial(stdio, OURS), partial(stdio, SDK)),
    Case("http", "Streamable HTTP, session", 4.0, 200, partial(legacy, OURS), partial(legacy, SDK)),
    Case(
        *("http-16", "the same, 16 in flight", 4.6, 320),
        *(partial(legacy, OURS, in_flight=16), partial(legacy, SDK, in_flight=16)),
    ),
    Case("modern", "Streamable HTTP 2026-07-28", 3.5, 200, partial(modern, OURS), partial(modern, SDK)),
    Case("sse", "HTTP+SSE", 4.0, 200, partial(sse, OURS), partial(sse, SDK)),
    Case("notebook", "Jupyter Server and live kernel", 2.0, 200, notebook, partial(legacy, SDK)),
    # Our own notebook is the peer here: the journal costs at most 5 % of a call.
    Case(
        *("journal", "a notebook with and without journal", 0.95, 200),
        *(notebook, partial(notebook, WITHOUT_JOURNAL)),
    ),
    Case(
        "progress",
        "1,000 progress messages, HTTP",
        10.5,
        5,
        partial(legacy, OURS, COUNT),
        partial(legacy, SDK, COUNT),
    ),
    Case(
        "list",
        "tools/list of 1,000 tools, HTTP",
        15.3,
        5,
        partial(legacy, OURS, LIST),
        partial(legacy, SDK, LIST),
    ),
    Case(
        *("client-stdio", "client, stdio", 2.15, 300),
        *(partial(caller, OUR_CLIENT, "stdio"), partial(caller, SDK_CLIENT, "stdio")),
    ),
    Case(
        *("client-http", "client, Streamable HTTP", 1.07, 200),
        *(partial(caller, OUR_CLIENT, "http"), partial(caller, SDK_CLIENT, "http")),
    ),
    # The SDK has no calls in a cell: its client runs in a program, with the event loop on a thread.
    Case("cell", "client, blocking in a cell", 1.0, 300, cell, partial(caller, SDK_BLOCKING, "stdio")),
    Case(
        *("import", "import and one tool", 4.25, 1),
        *(_imports("mcp_jupyter.server.fastmcp", "FastMCP"), _imports("mcp.server.mcpserver", "MCPServer")),
    ),
    Case("start", "first answer over stdio, cold", 3.5, 1, _starts(OURS), _starts(SDK)),
)
"""Each target is the official SDK's processor time divided by the time that we must reach. For `cell` that
is the SDK's own time."""
