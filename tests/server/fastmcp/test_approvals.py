# SPDX-License-Identifier: BSD-3-Clause
"""When the user is asked before a call: by the tool, by the floor, and with an approver of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.oversight import Decision, Proposal, asks_by
from mcp_jupyter.types import ToolAnnotations

pytestmark = pytest.mark.anyio

READS = ToolAnnotations(readOnlyHint=True)
DELETES = ToolAnnotations(destructiveHint=True)
REACHES_OUT = ToolAnnotations(openWorldHint=True)


@pytest.mark.parametrize(
    ("floor", "hints", "ask", "expected"),
    [
        ("marked", None, None, "never"),
        ("marked", None, "once", "once"),
        ("marked", None, "always", "always"),
        ("marked", READS, None, "never"),
        ("marked", DELETES, None, "always"),
        ("marked", DELETES, "never", "always"),
        ("marked", REACHES_OUT, "once", "always"),
        ("marked", ToolAnnotations(destructiveHint=False), None, "never"),
        ("writing", None, "never", "always"),
        ("writing", READS, None, "never"),
        ("writing", READS, "once", "once"),
        ("all", READS, "never", "always"),
    ],
)
def test_the_stricter_of_tool_and_floor_wins(floor: Any, hints: Any, ask: Any, expected: str) -> None:
    assert asks_by(floor, hints, ask) == expected


async def test_an_approver_of_ones_own_decides() -> None:
    """It sees the tool and the arguments; without one nobody is asked."""
    seen: list[Proposal] = []

    async def approver(proposal: Proposal) -> Decision:
        seen.append(proposal)
        return Decision(proposal.arguments["region"] == "west", "Only the west.")

    mcp = FastMCP(approver=approver)
    gone: list[str] = []

    @mcp.tool(annotations=DELETES)
    def delete(region: str) -> str:
        gone.append(region)
        return "done"

    async with Client(mcp) as client:
        refused = await client.call_tool("delete", {"region": "east"})
        allowed = await client.call_tool("delete", {"region": "west"})
        wrong = await client.call_tool("delete", {"area": "west"})
    assert refused.isError
    assert refused.content[0].text == "delete was not called. Only the west."
    assert (allowed.isError, gone) == (False, ["west"])
    assert wrong.isError
    assert [proposal.arguments for proposal in seen] == [{"region": "east"}, {"region": "west"}]
    assert seen[0].digest != seen[1].digest
    assert seen[0].definition == seen[1].definition


async def test_without_an_approver_nobody_is_asked() -> None:
    mcp = FastMCP()

    @mcp.tool(annotations=DELETES, ask="always")
    def delete() -> str:
        return "done"

    async with Client(mcp) as client:
        assert not (await client.call_tool("delete")).isError
        (tool,) = await client.list_tools()
    assert not (tool.meta or {}).get("anthropic/requiresUserInteraction")


def test_a_digest_changes_with_the_code() -> None:
    from mcp_jupyter.server.oversight import code_digest

    def one(x: int) -> int:
        return x + 1

    def same(x: int) -> int:
        return x + 1

    def other(x: int) -> int:
        return x + 2

    def inner(x: int) -> int:
        return (lambda: x + 1)()

    def other_inner(x: int) -> int:
        return (lambda: x + 2)()

    assert code_digest(one) == code_digest(same)
    assert len({code_digest(each) for each in (one, other, inner, other_inner)}) == 4
