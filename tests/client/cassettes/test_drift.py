# SPDX-License-Identifier: BSD-3-Clause
"""How tools differ, in lines."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter.client.cassettes.compare import MAX_LINES, drift
from mcp_jupyter.client.secrets import MARK


def tool(required: tuple[str, ...] = (), description: str = "D", **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": [*required]}
    return {"name": "t", "description": description, "inputSchema": schema}


TEXT = {"type": "string"}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing": (tool(a=TEXT), tool(a=TEXT), []),
    "new required": (
        tool(), tool(("u",), u=TEXT), ["the argument u (required, string) is new"]
    ),
    "new optional": (tool(), tool(u=TEXT), ["the argument u (optional, string) is new"]),
    "gone": (tool(u=TEXT), tool(), ["the argument u is gone"]),
    "required now": (tool(u=TEXT), tool(("u",), u=TEXT), ["the argument u is required now"]),
    "optional now": (tool(("u",), u=TEXT), tool(u=TEXT), ["the argument u is optional now"]),
    "type": (tool(u=TEXT), tool(u={"type": "integer"}), ["the argument u was string, and is integer"]),
    "words": (
        tool(u=TEXT), tool(u={**TEXT, "description": "x"}), ["the description of the argument u changed"]
    ),
    "values": (
        tool(u={**TEXT, "enum": ["a"]}), tool(u={**TEXT, "enum": ["b"]}), ["the argument u changed (enum)"]
    ),
    "description": (tool(description="old"), tool(description="new"), ["the description changed"]),
    "result": (tool(), {**tool(), "outputSchema": {}}, ["the output schema changed"]),
    "annotation": (
        {**tool(), "annotations": {"readOnlyHint": True}},
        tool(),
        ["the annotation readOnlyHint was true, and is null"],
    ),
    "else": (tool(), {"name": "t", "description": "D", "inputSchema": {}}, ["the input schema changed"]),
    "redacted": (tool(u={**TEXT, "default": MARK}), tool(u={**TEXT, "default": "secret"}), []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_change_is_a_line(case: str) -> None:
    old, new, lines = CASES[case]
    assert drift([old], [new]) == [f"t: {line}" for line in lines]


def test_tools_come_and_go() -> None:
    other = {**tool(), "name": "other"}
    assert drift([tool()], [other]) == ["t: the tool is gone", "other: the tool is new"]


def test_hostile_definitions_give_bounded_and_plain_lines() -> None:
    many = [{"name": f"t{number}\x1b\u202e" + "x" * 1000} for number in range(1000)]
    odd: list[Any] = [{"name": 1}, {"name": "t", "inputSchema": [], "annotations": 3}]
    lines = drift([tool(), *odd], many)
    assert len(lines) == MAX_LINES + 1
    assert all(len(line) < 200 and line.isprintable() for line in lines)
