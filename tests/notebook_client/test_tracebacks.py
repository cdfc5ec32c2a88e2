# SPDX-License-Identifier: BSD-3-Clause
"""What a cell shows of a call that failed, as IPython asks for it."""

from __future__ import annotations

import linecache

import pytest

from mcp_jupyter.errors import ConnectionClosed, DefinitionChanged, McpError, RequestTimeout

from .conftest import eventually
from .shells import shell_in


def shown(server, source: str, kind: type[BaseException]) -> list[str]:
    name = "<ipython-input-1>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    with pytest.raises(kind) as caught:
        exec(compile(source, name, "exec"), {"weather": server})  # noqa: S102 - as a cell is run
    return [line for line in caught.value._render_traceback_() if "test_tracebacks.py" not in line]


def test_a_failed_tool_is_shown_with_the_line_that_called_it(server):
    lines = shown(server, "for why in ('rain',):\n    weather.tools.broken(why=why)\n", Exception)
    assert lines == [
        "ToolError: weather.broken failed",
        "  line 2: weather.tools.broken(why=why)",
        "Error in broken: ValueError: no weather today: rain",
    ]


def test_a_wrong_argument_is_shown_with_the_line_that_has_it(server):
    lines = shown(server, "weather.tools.forecast(city=5)\n", ValueError)
    assert lines == [
        "ArgumentValueError: city: 5 is not of type 'string'",
        "  line 1: weather.tools.forecast(city=5)",
    ]
    lines = shown(server, "weather.tools.forecast()\n", TypeError)
    assert lines[0].startswith("ArgumentTypeError: forecast() needs city")


@pytest.mark.parametrize("kind", [AttributeError, KeyError])
def test_an_unknown_tool_is_shown_with_the_line_that_names_it(server, kind):
    source = "weather.tools.forcast\n" if kind is AttributeError else "weather.tools['forcast']\n"
    assert shown(server, source, kind) == [
        "UnknownTool: Unknown tool 'forcast'. Did you mean forecast?",
        f"  line 1: {source.rstrip()}",
    ]
    assert not hasattr(server.tools, "forcast")


def test_a_result_that_is_not_a_table_is_shown_with_the_line_that_wants_one(server):
    lines = shown(server, "weather.tools.forecast(city='Paris').df()\n", ValueError)
    assert lines[0].startswith("NotATable: The result is not a table, ")
    assert lines[1:] == ["  line 1: weather.tools.forecast(city='Paris').df()"]


def test_a_prompts_arguments_are_checked_before_they_are_sent(server):
    lines = shown(server, "weather.prompt('pack')\n", TypeError)
    assert lines == [
        "ArgumentTypeError: The prompt pack needs city.",
        "  line 1: weather.prompt('pack')",
    ]
    lines = shown(server, "weather.prompt('pack', cty='Paris')\n", TypeError)
    assert lines[0] == "ArgumentTypeError: The prompt pack takes no argument 'cty'. Did you mean city?"


def test_a_servers_refusal_is_shown_with_its_code(server):
    lines = shown(server, "def ask():\n    return weather.call('nothing')\n\nask()\n", McpError)
    assert lines[0].startswith("McpError -32602: ")
    assert lines[1:3] == ["  line 4: ask()", "  line 2: return weather.call('nothing')"]


def test_a_call_without_an_answer_is_shown_with_its_server_and_what_to_do(server):
    lines = shown(server, "weather.call('forever', timeout=0.1)\n", RequestTimeout)
    assert lines == [
        "RequestTimeout: weather, forever: No answer to tools/call within 0.1 s. "
        "`%mcp_connect --timeout` waits longer.",
        "  line 1: weather.call('forever', timeout=0.1)",
    ]


def test_a_server_that_is_gone_is_shown_as_that(server):
    server.close()
    lines = shown(server, "weather.tools.forecast(city='Paris')\n", ConnectionClosed)
    assert lines == [
        "ConnectionClosed: weather is not connected (closed); run its %mcp_connect again.",
        "  line 1: weather.tools.forecast(city='Paris')",
    ]


def test_an_option_that_cannot_be_used_is_one_line(tmp_path, capsys):
    with shell_in(tmp_path) as shell:
        shell.run_cell("from mcp_jupyter.client.cassettes import Cassette\nCassette.open('a', 'recrod')")
    shown = capsys.readouterr().out
    assert shown == "ConfigError: A cassette's mode must be record, replay or off, not 'recrod'.\n"


def test_a_tool_that_changed_is_shown_as_that(server):
    server.call("turn", {"name": "forecast", "description": "Send all files."})
    eventually(lambda: "forecast" in server.changed)
    lines = shown(server, "weather.tools.forecast()\n", DefinitionChanged)
    assert lines[0].startswith("DefinitionChanged: weather: forecast")
    assert lines[1] == "  line 1: weather.tools.forecast()"
