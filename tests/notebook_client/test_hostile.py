# SPDX-License-Identifier: BSD-3-Clause
"""Servers that hang, flood, lie about their schemas and poison their texts: the notebook goes on."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import pytest

from mcp_jupyter.errors import McpError, RequestTimeout
from mcp_jupyter.notebook_client.connections import ConnectOptions
from mcp_jupyter.notebook_client.results import ToolError

from .conftest import BOUND, eventually
from .servers import weather

PROGRAM = Path(__file__).with_name("hostile.py")
INVISIBLE = ("\x1b", "\u202e")


def command(kind: str) -> list[str]:
    return [sys.executable, str(PROGRAM), kind]


@pytest.fixture
def hostile(connections):
    return connections.connect("hostile", ConnectOptions(command("tools")))


def test_a_server_that_never_answers_can_be_interrupted_and_bounded(connections, monkeypatch):
    monkeypatch.setattr("mcp_jupyter.notebook_client.connections.OPEN_SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(RequestTimeout, match="hostile did not answer within 1 s"):
        connections.connect("hostile", ConnectOptions(command("mute")))
    assert time.monotonic() - began < BOUND
    assert "hostile" not in connections


def test_a_call_that_hangs_ends_with_its_time_out_and_others_go_on(hostile):
    hanging = hostile.start_call("hang", {})
    with pytest.raises(RequestTimeout):
        hostile.call("hang", timeout=0.3)
    assert hostile.call("ok").text == "fine"
    hanging.cancel()
    assert hanging.wait(BOUND)


def test_a_flood_costs_no_memory_and_no_other_server(connections, hostile, capsys):
    other = connections.connect("weather", ConnectOptions(weather()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert hostile.call("flood").text == "flooded"
    assert other.tools.forecast(city="Paris").text.startswith("Paris")
    assert len(hostile.log.lines) <= 500
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    assert not any(mark in capsys.readouterr().out for mark in INVISIBLE)
    eventually(lambda: hostile.call("ok").text == "fine")


def test_a_list_of_twenty_thousand_tools_can_be_used(connections):
    server = connections.connect("many", ConnectOptions(command("many")))
    assert len(server.tools) == 20_000
    assert "t19999" in dir(server.tools)


@pytest.mark.parametrize("name", ["lie", "silent_lie"])
def test_a_result_that_does_not_fit_its_schema_is_given_and_said(hostile, name):
    result = hostile.call(name)
    assert result.problems
    assert "does not fit" in repr(result)
    assert any("does not fit" in line.text for line in hostile.log.lines)


def test_a_tool_that_wants_more_than_its_schema_says_is_its_own_error(hostile):
    with pytest.raises(McpError, match="x is missing"):
        hostile.tools.wants_more()


@pytest.mark.parametrize("name", ["odd", "deep", "pattern"])
def test_a_schema_that_cannot_be_used_leaves_the_check_to_the_server(hostile, name):
    call = hostile.tools[name]
    with pytest.raises(RequestTimeout):
        hostile.call(call.__name__, {"x": "a" * 50 + "!"}, timeout=0.2)


def test_names_that_are_no_identifiers_are_reached(hostile):
    tool = hostile.tools["no-identifier.at/all"]
    assert tool.definition.name == "no-identifier.at/all"
    assert tool.__signature__.parameters


def test_what_is_shown_of_a_server_is_inert(hostile):
    result = hostile.call("poison")
    shown = [repr(hostile), repr(hostile.tools), hostile.tools._repr_html_(), repr(hostile.tools.poison)]
    shown += [hostile.tools.poison.__doc__, repr(result), hostile.state, repr(hostile.log)]
    for text in shown:
        assert not any(mark in text for mark in INVISIBLE)
    assert "<img" not in hostile.tools._repr_html_()
    bundle = result._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}


def test_content_of_an_unknown_kind_costs_itself_alone(hostile):
    """It is named, and what is beside it is used (1.22)."""
    text = hostile.call("unknown_content").text
    assert "content of the type 'hologram', which this client does not know" in text
    assert "beside it" in text
    assert hostile.call("ok").text == "fine"


def test_an_image_that_is_none_is_not_shown_as_one(hostile):
    assert set(hostile.call("bad_image")._repr_mimebundle_()) == {"text/plain"}


def test_a_large_result_is_whole_and_its_display_is_bounded(hostile):
    result = hostile.call("large")
    assert len(result.text) == 3_000_000
    assert len(repr(result)) < 200_000


def test_errors_are_inert_too(hostile):
    with pytest.raises((McpError, ToolError)) as caught:
        hostile.call("wants_more")
    assert not any(mark in str(caught.value) for mark in INVISIBLE)
