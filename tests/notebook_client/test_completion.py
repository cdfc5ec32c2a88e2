# SPDX-License-Identifier: BSD-3-Clause
"""Completion of calls, through the completer of a real shell."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from mcp_jupyter.notebook_client.completion import Completion, complete_line
from mcp_jupyter.notebook_client.functions import Tools
from mcp_jupyter.types import Prompt, PromptArgument, Resource, ResourceTemplate, Tool
from tests.notebook_client.shells import shell_in

FORECAST = Tool(
    name="forecast",
    inputSchema={
        "type": "object",
        "properties": {
            "city": {"type": "string", "examples": ["Paris", "New York"]},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "hourly": {"type": "boolean"},
            "days": {"type": "integer", "enum": [1, 10]},
            "parts": {"type": "array", "items": {"enum": ["day", "night"]}},
            "x-y": {"type": "integer"},
        },
        "required": ["city"],
    },
)
ALERTS = Tool(name="get-alerts", inputSchema={"type": "object", "properties": {"area": {"const": "north"}}})


@dataclass
class Server:
    definitions: dict[str, Tool] = field(
        default_factory=lambda: {FORECAST.name: FORECAST, ALERTS.name: ALERTS}
    )
    resources: list[Resource] = field(
        default_factory=lambda: [Resource(name="now", uri="weather://now/today")]
    )
    templates: list[ResourceTemplate] = field(
        default_factory=lambda: [ResourceTemplate(name="city", uriTemplate="weather://city/{city}")]
    )
    prompts: list[Prompt] = field(
        default_factory=lambda: [
            Prompt(name="plan", arguments=[PromptArgument(name="city"), PromptArgument(name="mood")])
        ]
    )

    @property
    def tools(self) -> Any:
        raise AssertionError("completion looks names up and evaluates nothing")

    aio = tools


class Trap:
    """A thing of the user's that does not want to be looked into."""

    @property
    def tools(self) -> Any:
        raise AssertionError("completion looks names up and evaluates nothing")


@pytest.fixture(scope="module", params=[True, False], ids=["jedi", "no jedi"])
def shell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InteractiveShell]:
    server = Server()
    tools = Tools(lambda: server.definitions, lambda name, arguments: None)
    with shell_in(tmp_path_factory.mktemp("ipython")) as shell:
        shell.Completer.use_jedi = request.param
        shell.user_ns.update(weather=server, trap=Trap(), tools=tools, forecast=tools.forecast)
        completion = Completion(
            shell.user_ns, lambda: {"weather": server}, {"%mcp_call": ["--into", "--json"]}
        )
        shell.Completer.custom_matchers.append(completion.matcher)
        yield shell


def lines_after(shell: InteractiveShell, code: str) -> list[str]:
    """The code as each completion leaves it; the cursor stands at the bar."""
    cursor = code.index("|")
    code = code.replace("|", "")
    with provisionalcompleter():
        found = list(shell.Completer.completions(code, cursor))
    return [f"{code[: each.start]}{each.text}{code[each.end :]}" for each in found]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("weather.tools.|", ["weather.tools.forecast", "weather.tools.get_alerts"]),
        ("weather.tools.fo|", ["weather.tools.forecast"]),
        ("await weather.aio.tools.get|", ["await weather.aio.tools.get_alerts"]),
        ("weather.tools.forecast(ci|", ["weather.tools.forecast(city="]),
        ("await weather.aio.tools.forecast(u|", ["await weather.aio.tools.forecast(unit="]),
        ("x = [weather.tools.forecast(u|", ["x = [weather.tools.forecast(unit="]),
        ("weather.tools['forecast'](u|", ["weather.tools['forecast'](unit="]),
        ("weather.tools.get_alerts(a|", ["weather.tools.get_alerts(area="]),
        ("weather.tools['get-alerts'](area=|", ["weather.tools['get-alerts'](area=\"north\""]),
        ('weather.tools.forecast(unit="ce|', ['weather.tools.forecast(unit="celsius"']),
        ("weather.tools.forecast(unit='ce|", ["weather.tools.forecast(unit='celsius'"]),
        ('weather.tools.forecast(unit="ce|")', ['weather.tools.forecast(unit="celsius")']),
        ("weather.tools.forecast(unit=ce|", ['weather.tools.forecast(unit="celsius"']),
        ('weather.tools.forecast(city="New Yo|', ['weather.tools.forecast(city="New York"']),
        ("weather.tools.forecast(hourly=T|", ["weather.tools.forecast(hourly=True"]),
        (
            "weather.tools.forecast(days=1|",
            ["weather.tools.forecast(days=1", "weather.tools.forecast(days=10"],
        ),
        (
            "weather.tools.forecast(\n    city='x',\n    u|",
            ["weather.tools.forecast(\n    city='x',\n    unit="],
        ),
        ("weather.tools.forecast(parts=['da|", ["weather.tools.forecast(parts=['day'"]),
        (
            'weather.tools.forecast(days=1, parts=["day", "|"])',
            [
                'weather.tools.forecast(days=1, parts=["day", "day"])',
                'weather.tools.forecast(days=1, parts=["day", "night"])',
            ],
        ),
        ("weather.tools.forecast(parts=[nig|", ['weather.tools.forecast(parts=["night"']),
        ('weather.tools["fo|', ['weather.tools["forecast"']),
        ('weather.tools["get-|"]', ['weather.tools["get-alerts"]']),
        ("tools.fo|", ["tools.forecast"]),
        ("tools.forecast(u|", ["tools.forecast(unit="]),
        ("forecast(u|", ["forecast(unit="]),
        ("%mcp_call wea|", ["%mcp_call weather"]),
        ("%mcp_call weather get|", ["%mcp_call weather get-alerts"]),
        ("%mcp_call weather forecast u|", ["%mcp_call weather forecast unit="]),
        ("%mcp_call weather forecast unit=ce|", ["%mcp_call weather forecast unit=celsius"]),
        ("%mcp_call weather forecast hourly=t|", ["%mcp_call weather forecast hourly=true"]),
        ("%mcp_call --into x weather fo|", ["%mcp_call --into x weather forecast"]),
        ("%mcp_call weather forecast --in|", ["%mcp_call weather forecast --into"]),
        ("x = %mcp_call weather get|", ["x = %mcp_call weather get-alerts"]),
        ("%%mcp_call weather get|", ["%%mcp_call weather get-alerts"]),
        ("%mcp_read weather weather://n|", ["%mcp_read weather weather://now/today"]),
        ("%mcp_read weather weather://c|", ["%mcp_read weather weather://city/"]),
        ("%mcp_prompt weather pl|", ["%mcp_prompt weather plan"]),
        ("%mcp_prompt weather plan city=x m|", ["%mcp_prompt weather plan city=x mood="]),
        ("%mcp_disconnect |", ["%mcp_disconnect weather"]),
        ("%mcp_disconnect other we|", ["%mcp_disconnect other weather"]),
    ],
)
def test_what_is_typed_is_completed(shell: InteractiveShell, code: str, expected: list[str]) -> None:
    assert lines_after(shell, code) == expected


def test_names_come_required_first_and_each_once(shell: InteractiveShell) -> None:
    assert lines_after(shell, "forecast(|") == [
        "forecast(city=", "forecast(unit=", "forecast(hourly=", "forecast(days=", "forecast(parts=",
    ]  # fmt: skip
    assert lines_after(shell, "forecast(city='Paris', days=1, |") == [
        "forecast(city='Paris', days=1, unit=", "forecast(city='Paris', days=1, hourly=",
        "forecast(city='Paris', days=1, parts=",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "trap.tools.|",
        "trap.tools.x(a|",
        "other.tools.forecast(u|",
        "# weather.tools.forecast(u|",
        "weather.tools.no(u|",
    ],
)
def test_other_code_is_left_to_others(shell: InteractiveShell, code: str) -> None:
    ours = (".forecast", "unit=", "city=")
    assert not [line for line in lines_after(shell, code) if line.endswith(ours)]


def test_hostile_names_and_values_are_not_offered(tmp_path: Path) -> None:
    values = {"v": {"enum": ["x\x1b[0m", 'q"', "fine"]}}
    server = Server({"a\u202eb": ALERTS, "ok": Tool(name="ok", inputSchema={"properties": values})})
    with shell_in(tmp_path) as shell:
        shell.user_ns["evil"] = server
        shell.Completer.custom_matchers.append(Completion(shell.user_ns, lambda: {"evil": server}).matcher)
        assert lines_after(shell, 'evil.tools["|') == ['evil.tools["ok"']
        assert lines_after(shell, 'evil.tools.ok(v="|') == ['evil.tools.ok(v="fine"']


def test_a_word_with_a_space_is_quoted_on_a_line() -> None:
    found = complete_line({"weather": Server()}, "%mcp_call", ["weather", "forecast", "city="])
    assert found == ["city=Paris", "city='New York'"]
