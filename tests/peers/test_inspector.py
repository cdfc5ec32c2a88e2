# SPDX-License-Identifier: BSD-3-Clause
"""The MCP Inspector's command line with our server: its methods, its eras, its transports, its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Inspector
from .environments import SECONDS_WITH_INSTALLATION
from .programs.operations import TOOLS

pytestmark = pytest.mark.timeout(SECONDS_WITH_INSTALLATION)

Target = Callable[[str, str], Any]

COMMANDS: dict[str, tuple[list[str], Callable[[Any], Any], Any]] = {
    # what is asked, what of the result is looked at, what it must be
    "tools/list": (["--strict"], lambda result: sorted(tool["name"] for tool in result["tools"]), TOOLS),
    "tools/call": (
        ["--tool-name", "add", "--tool-arg", "a=1", "--tool-arg", "b=2"],
        lambda result: result["structuredContent"],
        {"result": 3},
    ),
    "resources/list": ([], lambda result: [item["uri"] for item in result["resources"]], ["note://today"]),
    "resources/read": (
        ["--uri", "note://today"],
        lambda result: [item["text"] for item in result["contents"]],
        ["# Today"],
    ),
    "resources/templates/list": (
        [],
        lambda result: [item["uriTemplate"] for item in result["resourceTemplates"]],
        ["bytes://{count}"],
    ),
    "prompts/list": ([], lambda result: [item["name"] for item in result["prompts"]], ["greet"]),
    "prompts/get": (
        ["--prompt-name", "greet", "--prompt-args", "name=Bo"],
        lambda result: result["messages"][0]["content"]["text"],
        "Say hello to Bo.",
    ),
}
VERSIONS = {"legacy": "2025-11-25", "auto": "2026-07-28", "modern": "2026-07-28"}
WAYS = [*(("http", era) for era in VERSIONS), *(("stdio", era) for era in VERSIONS), ("sse", "legacy")]


def inspected(
    inspector: Inspector, target: Target, transport: str, era: str, method: str, *options: str
) -> tuple[int, Any, str]:
    """Exit code, result and error of one command."""
    asked = ["--cli", "--protocol-era", era, "--method", method, *options, "--format", "json"]
    where = target("ours", transport)
    place = ["--", *where] if transport == "stdio" else [where, "--transport", transport]
    done = inspector.run(*asked, *place)
    return done.returncode, json.loads(done.stdout)["result"] if done.stdout else None, done.stderr


@pytest.mark.parametrize(("transport", "era"), WAYS)
def test_it_connects_in_each_era_over_each_transport(
    inspector: Inspector, target: Target, transport: str, era: str
) -> None:
    code, result, error = inspected(inspector, target, transport, era, "initialize")
    assert code == 0, error
    assert (result["serverInfo"]["name"], result["protocolVersion"]) == ("peer", VERSIONS[era])


@pytest.mark.parametrize("method", COMMANDS)
@pytest.mark.parametrize(("transport", "era"), [("http", "legacy"), ("http", "modern"), ("sse", "legacy")])
def test_its_methods(inspector: Inspector, target: Target, transport: str, era: str, method: str) -> None:
    options, of, expected = COMMANDS[method]
    code, result, error = inspected(inspector, target, transport, era, method, *options)
    assert code == 0, error
    assert of(result) == expected


@pytest.mark.parametrize(
    ("method", "options", "code", "said"),
    [
        ("tools/call", ["--tool-name", "fail"], 5, "tool_is_error"),
        ("tools/call", ["--tool-name", "nothing"], 5, "tool_not_found"),
        ("logging/setLevel", ["--log-level", "debug"], 0, ""),
    ],
)
def test_its_exit_codes(
    inspector: Inspector, target: Target, method: str, options: list[str], code: int, said: str
) -> None:
    found, _, error = inspected(inspector, target, "http", "legacy", method, *options)
    assert found == code
    assert said in error
