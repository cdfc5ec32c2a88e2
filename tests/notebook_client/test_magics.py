# SPDX-License-Identifier: BSD-3-Clause
"""The magics that call servers, in a real kernel, against a server in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from pathlib import Path

import pytest

from tests.kernel.live import live_kernel

ROOT = Path(__file__).parents[2]
COMMAND = f"{shlex.quote(sys.executable)} -m tests.notebook_client.servers"


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/calls.ipynb") as kernel:
        ran = kernel.run(f"import os; os.chdir({str(ROOT)!r})\n%load_ext mcp_jupyter")
        assert not ran.error
        yield kernel


@pytest.fixture
def weather(kernel):
    ran = kernel.run(f"%mcp_connect weather {COMMAND}")
    assert ran.error == ""
    yield ran
    kernel.run("%mcp_disconnect weather")


# -- connecting -----------------------------------------------------------------------------------


def test_a_connected_server_is_a_name_with_its_tools_shown(kernel, weather):
    lines = weather.text.splitlines()
    assert lines[0] == "Connected: weather"
    forecast = next(line for line in lines if line.startswith("  forecast("))
    signature = "(city: str, unit: Literal['celsius', 'fahrenheit'] = 'celsius', days: int = 1)"
    assert forecast == f"  forecast{signature}  The weather of the next days."
    assert kernel.run("print(weather.tools.forecast(city='Paris'))").error == ""


def test_tools_and_their_arguments_complete(kernel, weather):
    assert "weather.tools.forecast" in kernel.complete("weather.tools.fore")
    assert "city=" in " ".join(kernel.complete("weather.tools.forecast(c"))
    assert any("celsius" in match for match in kernel.complete('weather.tools.forecast(unit="ce'))
    assert "forecast" in kernel.complete("%mcp_call weather fore")
    assert "--into" in kernel.complete("%mcp_call weather --in")


def test_opened_in_one_cell_closed_in_another(kernel):
    assert kernel.run(f"%mcp_connect weather {COMMAND}").error == ""
    assert (
        "Connected servers\n  weather  open; 11 tools, 2 resources, 1 prompt"
        in kernel.run("%mcp_status").text
    )
    assert kernel.run("%mcp_disconnect weather").text == "Disconnected: weather"
    assert kernel.run("weather").error == "NameError: name 'weather' is not defined"
    assert "Connected servers" not in kernel.run("%mcp_status").text


def test_options_for_a_command_stand_before_it(kernel):
    line = f"%mcp_connect --root {ROOT / 'tests'} here --timeout 20 {COMMAND}"
    assert kernel.run(line).error == ""
    assert kernel.run("print(here.tools.folders().data)").printed == "['tests']\n"
    kernel.run("%mcp_disconnect here")


def test_variables_of_the_notebook_are_filled_in(kernel):
    kernel.run(f"command = {COMMAND!r}\nenvironment = 'secret-value-1'")
    assert kernel.run("%mcp_connect weather --env WHO=$environment {command}").error == ""
    kernel.run("city = 'Oslo'")
    ran = kernel.run("%mcp_call weather forecast city=$city days={1 + 1}")
    assert ran.result["text/plain"] == "Oslo: sunny, 20, 2 d"
    kernel.run("%mcp_disconnect weather")


def test_an_entry_of_a_file_of_servers(kernel, tmp_path):
    """Several are disconnected together, or none (2: slow or odd)."""
    words = shlex.split(COMMAND)
    servers = {"mcpServers": {"weather": {"command": words[0], "args": words[1:]}, "other": {"command": "x"}}}
    file = tmp_path / "servers.json"
    file.write_text(json.dumps(servers | {}))
    entry = servers["mcpServers"]["weather"] | {"cwd": str(ROOT)}
    file.write_text(json.dumps({"mcpServers": {"weather": entry, "other": {"command": "x"}}}))
    assert kernel.run(f"%mcp_connect weather --config {file}").error == ""
    assert kernel.run(f"%mcp_connect w2 --config {file} --server weather").error == ""
    ran = kernel.run(f"%mcp_connect w3 --config {file}")
    assert ran.error.startswith(
        "UsageError: %mcp_connect: Unknown server 'w3'. Known servers: other, weather."
    )
    ran = kernel.run("%mcp_disconnect weather w2 wether")
    assert ran.error == ("WrongCall: %mcp_disconnect: Unknown server 'wether'. Did you mean weather?")
    assert kernel.run("print(weather.is_open, w2.is_open)").printed == "True True\n"
    assert kernel.run("%mcp_disconnect weather w2 weather").text == "Disconnected: weather, w2"
    assert kernel.run("print('weather' in globals(), 'w2' in globals())").printed == "False False\n"


def test_what_came_with_a_project_is_started_once_the_person_has_seen_it(kernel, tmp_path):
    words = shlex.split(COMMAND)
    file = tmp_path / ".mcp.json"

    def write(*more: str) -> None:
        entry = {"command": words[0], "args": [*words[1:], *more], "cwd": str(ROOT)}
        file.write_text(json.dumps({"mcpServers": {"weather": entry}}))

    write()
    ran = kernel.run(f"%mcp_connect weather --config {file}")
    assert "came with a project" in ran.error
    assert "tests.notebook_client.servers" in ran.error
    assert kernel.run(f"%mcp_connect weather --config {file} --trust").error == ""
    assert kernel.run(f"%mcp_connect weather --config {file}").error == ""
    write("--changed")
    assert "came with a project" in kernel.run(f"%mcp_connect weather --config {file}").error
    kernel.run("%mcp_disconnect weather")


def test_what_there_is_to_agree_to_is_shown_whole(kernel, tmp_path):
    """However long it is: what is cut off could be what matters (1.30)."""
    file = tmp_path / ".mcp.json"
    members = {"url": "http://127.0.0.1:9/mcp", "headers": {"X-A": "a" * 2000, "X-Trace": "${SECRET_KEY}"}}
    file.write_text(json.dumps({"mcpServers": {"web": members}}))
    ran = kernel.run(f"%mcp_connect web --config {file}")
    assert "a" * 2000 in ran.error
    assert "SECRET_KEY in the header X-Trace. If that is what you want, add --trust." in ran.error


def test_an_entry_that_names_a_url_is_connected(kernel, tmp_path):
    file = tmp_path / "servers.json"
    file.write_text(json.dumps({"mcpServers": {"web": {"url": "http://127.0.0.1:9/mcp"}}}))
    assert kernel.run(f"%mcp_connect web --config {file}").error.startswith("ServerFailed: ")


def test_the_servers_that_a_host_has_already(kernel, tmp_path):
    words = shlex.split(COMMAND)
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    entry = {"command": words[0], "args": words[1:], "cwd": str(ROOT)}
    file.write_text(json.dumps({"mcpServers": {"weather": entry}}))
    kernel.run(f"os.chdir({str(tmp_path)!r})")
    try:
        assert "came with a project" in kernel.run("%mcp_connect weather --from cursor").error
        assert kernel.run("%mcp_connect sky --from cursor --server weather --trust").error == ""
        assert "Unknown host 'notepad'" in kernel.run("%mcp_connect weather --from notepad").error
        assert "has no file of servers" in kernel.run("%mcp_connect weather --from vscode").error
    finally:
        kernel.run(f"os.chdir({str(ROOT)!r})\n%mcp_disconnect sky")


def test_without_a_name_the_servers_of_a_host_or_file_are_listed_and_none_is_connected(kernel, tmp_path):
    file = tmp_path / ".mcp.json"
    entries = {
        "git-hub": {"command": "never-started", "args": ["--token", "canary-77"]},
        "web": {"url": "https://a"},
    }
    file.write_text(json.dumps({"mcpServers": {**entries, "odd": {"type": "ws"}}}))
    kernel.run(f"os.chdir({str(tmp_path)!r})")
    try:
        found = kernel.run("%mcp_connect --from claude-code")
    finally:
        kernel.run(f"os.chdir({str(ROOT)!r})")
    assert found.error == ""
    assert found.text.splitlines() == [
        "Servers of claude-code",
        "  git-hub  stdio, with a name: %mcp_connect NAME --from claude-code --server git-hub",
        "  web  http, with a name: %mcp_connect NAME --from claude-code --server web",
        "  odd  cannot be used as it is",
    ]
    assert "canary-77" not in str(found.displayed)
    assert "Connected servers" not in kernel.run("%mcp_status").text
    entry = {"mcpServers": {"web": {"url": "https://a"}}}
    (tmp_path / "servers.json").write_text(json.dumps(entry))
    assert kernel.run(f"%mcp_connect --config {tmp_path / 'servers.json'}").error == ""


MISTAKES = {
    "%mcp_connect": "%mcp_connect: Give a name and a server",
    "%mcp_connect weather": "%mcp_connect: Give one of a URL, a command",
    "%mcp_connect 2x http://localhost": "%mcp_connect: '2x' is not a valid variable name",
    "%mcp_connect mine http://localhost": "%mcp_connect: mine is a variable already (int)",
    "%mcp_connect a http://localhost:9 more": "%mcp_connect: Unexpected 'more' after the URL",
    "%mcp_connect a http://localhost:9 --headr x": "%mcp_connect: Unrecognized arguments: --headr",
    "%mcp_connect a http://localhost:9 --header secret": "%mcp_connect: A header is written as 'Name: value'",
    "%mcp_connect --oauth a ls": "%mcp_connect: --oauth is for a URL",
    "%mcp_connect --record --replay a ls": "%mcp_connect: Give --record or --replay",
    "%mcp_connect --sampling mine a ls": "%mcp_connect: --sampling takes the name of a function",
    "%mcp_disconnect": "%mcp_disconnect: Say which",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_line(kernel, line):
    kernel.run("mine = 1")
    error = kernel.run(line).error
    assert error.startswith(f"UsageError: {MISTAKES[line]}"), error
    assert "\n" not in error
    assert "secret" not in error


@pytest.mark.parametrize(
    ("target", "said"),
    [("no-such-program-at-all", "no-such-program-at-all cannot be started"), ("http://localhost:9/mcp", "")],
)
def test_a_server_that_cannot_be_reached_is_one_line_and_an_error_for_those_who_run_notebooks(
    kernel, target, said
):
    error = kernel.run(f"%mcp_connect a {target}").error
    assert error.startswith(f"ServerFailed: %mcp_connect: {said}"), error
    assert "\n" not in error


def test_another_live_notebook_is_called_like_any_server(kernel, module_jupyter_dirs, tmp_path):
    dirs = module_jupyter_dirs
    file = tmp_path / "other.ipynb"
    file.touch()
    with live_kernel(dirs.runtime, dirs.environ, str(file)) as other:
        other.run("%load_ext mcp_jupyter\nrate = 2")
        other.run("%%mcp_tool\ndef exchanged(amount: int) -> int: return amount * rate")
        assert kernel.run(f"%mcp_connect other {file}").error == ""
        assert kernel.run("print(other.tools.exchanged(amount=21).text)").printed == "42\n"
        kernel.run("%mcp_disconnect other")
    assert "is not live" in kernel.run(f"%mcp_connect other {file}").error


def test_a_notebook_does_not_connect_to_itself(module_jupyter_dirs, tmp_path):
    dirs = module_jupyter_dirs
    file = tmp_path / "self.ipynb"
    file.touch()
    with live_kernel(dirs.runtime, dirs.environ, str(file)) as kernel:
        kernel.run("%load_ext mcp_jupyter")
        ran = kernel.run(f"%mcp_connect me {file}")
    assert "is this notebook itself" in ran.error


# -- calling --------------------------------------------------------------------------------------


def test_a_call_shows_its_result(kernel, weather):
    assert kernel.run("%mcp_call weather forecast city=Paris").result["text/plain"] == "Paris: sunny, 20, 1 d"


def test_a_cell_of_json_or_yaml_has_the_arguments(kernel, weather):
    ran = kernel.run('%%mcp_call weather forecast\n{"city": "Rome", "days": 4}')
    assert ran.result["text/plain"] == "Rome: sunny, 20, 4 d"
    ran = kernel.run("%%mcp_call weather forecast\ncity: Rome\ndays: 5")
    assert ran.result["text/plain"] == "Rome: sunny, 20, 5 d"
    ran = kernel.run("%%mcp_call weather forecast\n- Rome")
    assert ran.error.startswith("WrongCall: %mcp_call: The cell must be an object")


def test_a_result_goes_into_a_variable(kernel, weather):
    ran = kernel.run("%mcp_call weather stations n=3 --into found")
    assert ran.result is None
    assert kernel.run("print(found.data)").printed == "{'stations': [0, 1, 2]}\n"


def test_a_result_as_json(kernel, weather):
    ran = kernel.run("%mcp_call weather stations n=2 --json")
    assert json.loads(ran.printed)["structuredContent"] == {"stations": [0, 1]}


def test_resources_and_prompts(kernel, weather):
    assert kernel.run("%mcp_read weather weather://stations/Rome").result["text/plain"] == "station of Rome"
    assert kernel.run("%mcp_read weather weather://stations --into s").result is None
    assert kernel.run("print(len(s.df()))").error == ""
    assert "pack for Rome" in kernel.run("%mcp_prompt weather pack city=Rome").result["text/plain"]


def test_a_tool_that_fails_is_a_readable_error(kernel, weather):
    ran = kernel.run("%mcp_call weather broken why=rain")
    assert ran.error.startswith("ToolError")
    assert "no weather today: rain" in ran.error


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%mcp_call weather forecst city=x", "%mcp_call: Unknown tool 'forecst'. Did you mean forecast?"),
        (
            "%mcp_call wether forecast",
            "%mcp_call: Unknown server 'wether'. Did you mean weather?",
        ),
        ("%mcp_call weather forecast days=many", "%mcp_call: days must be a whole number"),
        ("%mcp_call weather forecast town=x", "%mcp_call: Unknown argument 'town'"),
        ("%mcp_prompt weather pakc", "%mcp_prompt: Unknown prompt 'pakc'. Did you mean pack?"),
    ],
)
def test_names_and_values_are_checked(kernel, weather, line, said):
    assert kernel.run(line).error.startswith(f"WrongCall: {said}")


def test_before_any_connection_a_call_says_how_to_make_one(kernel):
    error = kernel.run("%mcp_call nobody tool").error
    assert error == "WrongCall: %mcp_call: No server is connected yet: %mcp_connect nobody URL|COMMAND"


def test_async_cells_await(kernel, weather):
    ran = kernel.run(
        "import asyncio\n"
        "both = await asyncio.gather(*(weather.aio.tools.forecast(city=c) for c in ('A', 'B')))\n"
        "print([result.text for result in both])"
    )
    assert ran.printed == "['A: sunny, 20, 1 d', 'B: sunny, 20, 1 d']\n"


def test_an_interrupted_cell_ends_and_the_server_goes_on(kernel, weather):
    pid = kernel.manager.provisioner.pid
    timer = threading.Timer(1.0, os.kill, (pid, signal.SIGINT))
    timer.start()
    ran = kernel.run("weather.tools.forever()")
    timer.join()
    assert ran.error.startswith("KeyboardInterrupt")
    assert kernel.run("%mcp_call weather forecast city=Paris").error == ""


def test_a_server_that_dies_costs_its_calls_only(kernel):
    kernel.run(f"x = 41\n%mcp_connect mortal {COMMAND}")
    assert kernel.run("mortal.tools.die()").error.startswith("ConnectionClosed")
    assert kernel.run("print(x + 1)").printed == "42\n"
    assert "run its %mcp_connect again" in kernel.run("mortal.tools.forecast(city='x')").error
    kernel.run("%mcp_disconnect mortal")


def test_unloading_disconnects(kernel):
    kernel.run(f"%mcp_connect weather {COMMAND}")
    assert kernel.run("%unload_ext mcp_jupyter").error == ""
    assert "not found" in kernel.run("%mcp_call weather forecast city=x").printed
    assert kernel.run("print(weather.state)").printed == "closed\n"
    assert kernel.run("%load_ext mcp_jupyter").error == ""


# -- arguments that are wrong --------------------------------------------------------------------------


def test_a_cells_arguments_are_checked_as_a_functions_are(kernel, weather):
    ran = kernel.run("%%mcp_call weather forecast\ntown: Paris")
    assert "forecast() takes no argument 'town'" in ran.error
    ran = kernel.run("%%mcp_call weather forecast\ncity: Paris\ndays: two")
    assert "days: 'two' is not of type 'integer'" in ran.error
    assert "forecast() needs city (str)" in kernel.run("%mcp_call weather forecast").error


def test_a_date_of_yaml_is_a_text_as_in_json(kernel, weather):
    ran = kernel.run("%%mcp_call weather forecast\ncity: 2026-01-31")
    assert ran.result["text/plain"] == "2026-01-31: sunny, 20, 1 d"


def test_what_is_required_is_named_and_nothing_else(kernel, weather):
    assert "required: TOOL. See" in kernel.run("%mcp_call weather").error


@pytest.mark.parametrize("line", ["%mcp_connect class ls", "%mcp_call weather forecast city=Oslo --into if"])
def test_a_word_of_python_is_no_variable(kernel, weather, line):
    assert "variable" in kernel.run(line).error
