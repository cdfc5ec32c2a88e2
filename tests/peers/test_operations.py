# SPDX-License-Identifier: BSD-3-Clause
"""Every client with every server, one of the two ours, each in a process of its own.

What is done and what comes of it is one table, `programs/operations.py`; what a peer cannot do is here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from .conftest import Outcomes
from .environments import SECONDS_WITH_INSTALLATION
from .programs.operations import TABLE

pytestmark = pytest.mark.timeout(SECONDS_WITH_INSTALLATION)

CLIENTS = [("mcp1", "ours"), ("mcp2", "ours"), ("fastmcp", "ours")]
SERVERS = [*((server, client) for client, server in CLIENTS), ("ours", "typescript")]
WAYS = [("stdio", "legacy"), ("stdio", "modern"), ("http", "legacy"), ("http", "modern"), ("sse", "legacy")]
CANNOT_CONNECT = {
    ("mcp1", "modern"): "it knows no later version than 2025-11-25",
    ("typescript", "http", "legacy"): "without sessions it cannot ask, nor tell of changes",
    ("typescript", "sse", "legacy"): "it does not offer this transport",
}
CASES = [
    (client, server, transport, era)
    for client, server in [*CLIENTS, *SERVERS]
    for transport, era in WAYS
    if (client, era) not in CANNOT_CONNECT
    if (server, era) not in CANNOT_CONNECT
    if (server, transport, era) not in CANNOT_CONNECT
]

CANNOT: dict[tuple[str, str], dict[str, str]] = {
    # (server, era): the operations that fail, and why
    ("mcp2", "legacy"): {"a_subscription": "MCPServer has no resources/subscribe"},
    ("fastmcp", "legacy"): {"a_subscription": "it has no resources/subscribe"},
    ("fastmcp", "modern"): {
        "a_subscription": "it has no subscriptions/listen",
        "a_changed_list": "it has no subscriptions/listen",
    },
}


@pytest.fixture(scope="module")
def outcomes(
    run_client: Callable[..., Outcomes], target: Callable[[str, str], Any]
) -> Callable[[str, str], Outcomes]:
    """All that came of a client with a server; they are run when first asked for."""

    @cache
    def of(client: str, server: str) -> Outcomes:
        wishes = {
            f"{transport} {era}": {
                "era": era,
                "transport": transport,
                "target": target(server, transport),
                "headers": None,
                "leave_out": [*CANNOT.get((server, era), ())],
            }
            for who, whom, transport, era in CASES
            if (who, whom) == (client, server)
        }
        return run_client(client, wishes)

    return of


@pytest.mark.parametrize(("client", "server", "transport", "era"), CASES)
def test_they_work_together(
    outcomes: Callable[[str, str], Outcomes], client: str, server: str, transport: str, era: str
) -> None:
    cannot = CANNOT.get((server, era), {})
    expected = {name: value for name, (value, _) in TABLE.items() if name not in cannot}
    assert outcomes(client, server)[f"{transport} {era}"] == expected
