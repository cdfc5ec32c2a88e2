# SPDX-License-Identifier: BSD-3-Clause
"""`mcp_client` and `mcp_cassette`: servers that are called, recorded, and replayed when they are gone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.testing.conftest import SERVER, Outcome, Project, new_project

TESTS = """
import sys
import pytest
from pathlib import Path
from mcp_jupyter import Client
from mcp_jupyter.errors import ToolError

COMMAND = [sys.executable, str(Path(__file__).with_name("weather_server.py"))]

@pytest.mark.parametrize("city", ["Paris", "Rome"])
def test_forecast(mcp_client, city):
    weather = mcp_client(COMMAND, cassette="weather")
    assert weather.tools.forecast(city=city).data == {"celsius": len(city)}

def test_two_servers(mcp_client):
    first = mcp_client(COMMAND, cassette="first")
    second = mcp_client(COMMAND, cassette="second", redact=["secret"])
    assert first.tools.forecast(city="Oslo").data == {"celsius": 4}
    assert second.tools.forecast(city="secret").data == {"celsius": 6}

class TestAsync:
    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio"])
    async def test_forecast(self, mcp_cassette):
        async with Client(COMMAND, cassette=mcp_cassette("weather")) as weather:
            result = await weather.call_tool("forecast", {"city": "Paris"})
        assert result.structuredContent == {"celsius": 5}

def test_questions_are_answered_by_a_callback(mcp_client):
    async def nobody(params):
        from mcp_jupyter import types
        return types.ElicitResult(action="decline")
    weather = mcp_client(COMMAND, cassette="weather", elicitation_callback=nobody)
    assert weather.tools.book().text == "decline"

def test_without_a_callback_nobody_is_asked(mcp_client):
    from mcp_jupyter.notebook_client.results import ToolError
    weather = mcp_client(COMMAND, cassette="weather")
    with pytest.raises(Exception, match="elicit"):
        weather.tools.book()
"""

NAMES = (
    "test_forecast[Paris]",
    "test_forecast[Rome]",
    "test_two_servers",
    "test_forecast[asyncio]",
    "test_questions_are_answered_by_a_callback",
    "test_without_a_callback_nobody_is_asked",
)


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[Project, Outcome]]:
    """A project whose calls were recorded, and whose server is gone."""
    with new_project() as project:
        server = project.write("weather_server.py", SERVER)
        project.write("test_weather.py", TESTS)
        outcome = project.pytest("--mcp-cassettes=record")
        server.unlink()
        yield project, outcome


def test_calls_are_recorded_beside_the_test(recorded):
    project, outcome = recorded
    assert outcome.passed == NAMES, outcome.printed
    servers = json.loads((project.root / "test_weather.cassette.json").read_text())["servers"]
    assert sorted(servers) == [
        "TestAsync::test_forecast[asyncio]::weather",
        "test_forecast[Paris]::weather",
        "test_forecast[Rome]::weather",
        "test_questions_are_answered_by_a_callback::weather",
        "test_two_servers::first",
        "test_two_servers::second",
        "test_without_a_callback_nobody_is_asked::weather",
    ]
    assert "secret" not in json.dumps(servers["test_two_servers::second"])


def test_they_are_replayed_when_the_server_is_gone(recorded):
    outcome = recorded[0].pytest()
    assert outcome.passed == NAMES, outcome.printed


def test_the_variable_says_the_same_as_the_option(recorded):
    project, _ = recorded
    one = "test_weather.py::test_forecast[Paris]"
    assert "No such file" in project.pytest(one, MCP_JUPYTER_CASSETTES="off").printed
    assert project.pytest(one, "--mcp-cassettes=replay", MCP_JUPYTER_CASSETTES="off").failed == {}


def test_a_test_without_a_recording_says_how_to_make_one(project):
    project.write("test_weather.py", TESTS)
    outcome = project.pytest("-k", "Rome or asyncio")
    for said in (outcome.failed["test_forecast[Rome]"], outcome.failed["test_forecast[asyncio]"]):
        assert said.startswith("Recording not found: ")
        assert said.endswith("For a test that is: pytest --mcp-cassettes=record.")


def test_a_mistake_in_a_test_is_one_line(project):
    project.write(
        "test_twice.py",
        "def test_twice(mcp_cassette):\n    mcp_cassette('weather')\n    mcp_cassette('weather')\n"
        "def test_pattern(mcp_client):\n    mcp_client(['true'], cassette='weather', redact=['('])\n",
    )
    outcome = project.pytest("--mcp-cassettes=record")
    assert outcome.failed["test_twice"] == (
        "test_twice has a server 'weather' already: give this one another name."
    )
    assert outcome.failed["test_pattern"].count("\n") == 0
    assert outcome.failed["test_pattern"].startswith("A pattern of redact= is not a valid regular expression")
