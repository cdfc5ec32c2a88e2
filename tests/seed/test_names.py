# SPDX-License-Identifier: BSD-3-Clause
"""Every name that the first-generation SDK's own examples import, under our package's name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import mcp_jupyter

LINES = (Path(__file__).parent / "first_sdk_names.txt").read_text(encoding="utf-8").splitlines()
BOUNDARY = next(number for number, line in enumerate(LINES) if line.startswith("# or"))
FURTHER = [
    "mcp ClientSessionGroup",
    "mcp.server.fastmcp.resources TextResource",
    "mcp.server.transport_security TransportSecuritySettings",
]
PAGE = "docs/from-the-mcp-sdk.md"


def names(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("#")]


def imported(line: str) -> Any:
    """What ``from module import name`` gives, with the package replaced."""
    module, _, name = line.partition(" ")
    module = module.replace("mcp", "mcp_jupyter", 1)
    if not name:
        return import_module(module)
    scope: dict[str, Any] = {}
    exec(f"from {module} import {name}", scope)  # noqa: S102 - the list is ours
    return scope[name]


@pytest.mark.parametrize("line", names(LINES[:BOUNDARY]))
def test_a_name_of_the_examples_is_there(line):
    """(2: Programs written for the SDK's first generation)."""
    assert imported(line) is not None


@pytest.mark.parametrize("line", [*names(LINES[BOUNDARY:]), *FURTHER])
def test_a_name_that_cannot_be_there_says_what_to_use(line):
    """(2: What cannot be is an ImportError that names our way)."""
    with pytest.raises(ImportError, match=PAGE) as caught:
        imported(line)
    assert "mcp_jupyter" in str(caught.value)


def test_the_top_of_the_package_has_the_types_that_the_sdk_has_there():
    """(2: each in the module where they expect it)."""
    assert mcp_jupyter.Tool is mcp_jupyter.types.Tool
    assert mcp_jupyter.McpError is imported("mcp.shared.exceptions McpError")
