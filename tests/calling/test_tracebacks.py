# SPDX-License-Identifier: BSD-3-Clause
"""What a cell shows of a call that failed, as IPython asks for it."""

from __future__ import annotations

import linecache

import pytest

from mcp_jupyter.errors import McpError


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
        "ValueError: city: 5 is not of type 'string'",
        "  line 1: weather.tools.forecast(city=5)",
    ]
    lines = shown(server, "weather.tools.forecast()\n", TypeError)
    assert lines[0].startswith("TypeError: forecast() needs city")


def test_a_servers_refusal_is_shown_with_its_code(server):
    lines = shown(server, "def ask():\n    return weather.call('nothing')\n\nask()\n", McpError)
    assert lines[0].startswith("McpError -32602: ")
    assert lines[1:3] == ["  line 4: ask()", "  line 2: return weather.call('nothing')"]
