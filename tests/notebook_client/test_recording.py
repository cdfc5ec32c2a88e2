# SPDX-License-Identifier: BSD-3-Clause
"""A notebook whose calls are recorded, and run again when the server is gone."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kernel.live import CELL_SECONDS, live_kernel

PROGRAM = Path(__file__).with_name("servers.py")
SECRET = "canary-5f1d9a7b3c"


@contextmanager
def notebook(dirs, path: Path, mode: str = "off"):
    environ = {**dirs.environ, "MCP_JUPYTER_CASSETTES": mode}
    with live_kernel(dirs.runtime, environ, str(path)) as kernel:
        assert not kernel.run("%load_ext mcp_jupyter").error
        yield kernel
        kernel.manager.shutdown_kernel()  # as a front end asks for it: what is not written yet is written


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A program that can be taken away."""
    return Path(shutil.copy(PROGRAM, tmp_path / "weather_server.py"))


CELLS = [
    "%mcp_call weather forecast city=Paris",
    "weather.tools.measure(steps=3).text",
    "%mcp_read weather weather://stations",
    "%mcp_prompt weather pack city=Oslo",
    "%mcp_call weather broken why=rain",
    "weather",
]


def run(kernel, server: Path, options: str = ""):
    """What each cell left: of a line that is written over, what stands there in the end."""
    connect = f"%mcp_connect weather {options} {sys.executable} {server}"
    return [
        (ran.text, ran.result, ran.printed.rpartition("\r")[2], ran.error)
        for ran in map(kernel.run, [connect, *CELLS[:-1]])
    ]


def test_a_recorded_notebook_runs_the_same_without_its_server(jupyter_dirs, tmp_path, server):
    path = tmp_path / "analysis.ipynb"
    with notebook(jupyter_dirs, path, "record") as kernel:
        recorded = run(kernel, server)
    assert recorded[1][1] == {"text/plain": "Paris: sunny, 20, 1 d"}
    assert recorded[2][2].endswith("weather.measure: 100% (3/3) step 3\n")
    assert (tmp_path / "analysis.cassette.json").stat().st_mode & 0o777 == 0o600
    server.unlink()
    with notebook(jupyter_dirs, path, "replay") as kernel:
        assert run(kernel, server) == recorded


def test_one_connection_alone_is_recorded_and_replayed_by_its_options(jupyter_dirs, tmp_path, server):
    file = tmp_path / "calls.json"
    with notebook(jupyter_dirs, tmp_path / "n.ipynb") as kernel:
        recorded = run(kernel, server, f"--record --cassette {file}")
        server.unlink()
        assert run(kernel, server, f"--replay --cassette {file}") == recorded
    assert not (tmp_path / "n.cassette.json").exists()


def test_what_was_not_recorded_is_shown_beside_what_was(jupyter_dirs, tmp_path, server):
    path = tmp_path / "analysis.ipynb"
    with notebook(jupyter_dirs, path, "record") as kernel:
        run(kernel, server)
    with notebook(jupyter_dirs, path, "replay") as kernel:
        run(kernel, server)
        ran = kernel.run("%mcp_call weather forecast city=Rome")
    assert ran.error.startswith("CassetteMiss")
    changed = [line.split() for line in ran.error.splitlines() if "city" in line]
    assert changed == [["-", '"city":', '"Paris"'], ["+", '"city":', '"Rome"']]
    assert "MCP_JUPYTER_CASSETTES=record" in ran.error


def test_answers_to_questions_are_part_of_the_recording(jupyter_dirs, tmp_path, server):
    path = tmp_path / "analysis.ipynb"
    source = (
        "import builtins; answers = iter(['Rome', '3'])\n"
        "builtins.input = lambda prompt='': next(answers)\n"
        "print(weather.tools.book().text)"
    )
    with notebook(jupyter_dirs, path, "record") as kernel:
        run(kernel, server)
        assert kernel.run(source).printed.endswith("3 nights in Rome\n")
    with notebook(jupyter_dirs, path, "replay") as kernel:
        run(kernel, server)
        assert kernel.run("print(weather.tools.book().text)").printed == "3 nights in Rome\n"


def test_two_notebooks_with_the_same_name_for_a_server_have_their_own_recordings(
    jupyter_dirs, tmp_path, server
):
    for city in ("Paris", "Oslo"):
        with notebook(jupyter_dirs, tmp_path / f"{city}.ipynb", "record") as kernel:
            kernel.run(f"%mcp_connect weather {sys.executable} {server}")
            kernel.run(f"%mcp_call weather forecast city={city}")
    server.unlink()
    for city, other in (("Paris", "Oslo"), ("Oslo", "Paris")):
        with notebook(jupyter_dirs, tmp_path / f"{city}.ipynb", "replay") as kernel:
            kernel.run(f"%mcp_connect weather {sys.executable} {server}")
            assert kernel.run(f"%mcp_call weather forecast city={city}").error == ""
            assert kernel.run(f"%mcp_call weather forecast city={other}").error.startswith("CassetteMiss")


def run_as(kernel, cell: str, source: str) -> None:
    """Run a cell as a front end does that says which one it is."""
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
    message = kernel.client.session.msg("execute_request", content, metadata={"cellId": cell})
    kernel.client.shell_channel.send(message)
    reply = kernel.client.get_shell_msg(timeout=CELL_SECONDS)
    while reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
        reply = kernel.client.get_shell_msg(timeout=CELL_SECONDS)
    assert reply["content"]["status"] == "ok", reply["content"]


def cities_in(path: Path) -> list[str]:
    recorded = json.loads(path.read_text())["servers"]["weather"]["interactions"]
    return [call["params"]["arguments"]["city"] for call in recorded if call["method"] == "tools/call"]


def test_of_a_server_that_two_cells_connect_the_calls_of_both_are_recorded(jupyter_dirs, tmp_path, server):
    path, cassette = tmp_path / "analysis.ipynb", tmp_path / "analysis.cassette.json"
    connect = f"%mcp_connect weather {sys.executable} {server}"
    with notebook(jupyter_dirs, path, "record") as kernel:
        run_as(kernel, "one", f"{connect}\n%mcp_call weather forecast city=Paris")
        run_as(kernel, "two", f"{connect}\n%mcp_call weather forecast city=Oslo")
        assert cities_in(cassette) == ["Paris", "Oslo"]
        run_as(kernel, "two", f"{connect}\n%mcp_call weather forecast city=Rome")  # written anew, run again
        assert cities_in(cassette) == ["Paris", "Rome"]
    server.unlink()
    with notebook(jupyter_dirs, path, "replay") as kernel:
        for city in ("Paris", "Rome"):
            assert kernel.run(f"{connect}\n%mcp_call weather forecast city={city}").error == ""


def test_a_kernel_that_is_killed_after_a_cell_has_left_the_cells_calls(jupyter_dirs, tmp_path, server):
    path = tmp_path / "analysis.ipynb"
    environ = {**jupyter_dirs.environ, "MCP_JUPYTER_CASSETTES": "record"}
    with live_kernel(jupyter_dirs.runtime, environ, str(path)) as kernel:
        kernel.run("%load_ext mcp_jupyter")
        recorded = run(kernel, server)
    server.unlink()
    with notebook(jupyter_dirs, path, "replay") as kernel:
        assert run(kernel, server) == recorded


def test_a_secret_never_reaches_the_recording(jupyter_dirs, tmp_path, server):
    path = tmp_path / "analysis.ipynb"
    with notebook(jupyter_dirs, path, "record") as kernel:
        kernel.run(f"token = {SECRET!r}")
        kernel.run(f"%mcp_connect weather --env WEATHER_TOKEN=$token {sys.executable} {server}")
        ran = kernel.run("%mcp_call weather broken why=$token")
        assert SECRET in ran.error  # the server repeats it
    written = (tmp_path / "analysis.cassette.json").read_text()
    assert SECRET not in written
    assert "[redacted]" in written
    with notebook(jupyter_dirs, path, "replay") as kernel:
        kernel.run("token = 'another'")
        kernel.run(f"%mcp_connect weather --env WEATHER_TOKEN=$token {sys.executable} {server}")
        assert "[redacted]" in kernel.run("%mcp_call weather broken why=$token").error


def test_what_is_configured_as_secret_never_reaches_a_recording(jupyter_dirs, tmp_path, server):
    with notebook(jupyter_dirs, tmp_path / "analysis.ipynb", "record") as kernel:
        kernel.run("%config CallingMagics.redact = ['Par[a-z]+']")
        kernel.run(f"%mcp_connect weather --redact Osl. {sys.executable} {server}")
        kernel.run("%mcp_call weather forecast city=Paris")
        kernel.run("%mcp_call weather forecast city=Oslo")
    written = (tmp_path / "analysis.cassette.json").read_text()
    assert "Paris" not in written
    assert "Oslo" not in written
    assert '"city": "[redacted]"' in written


WORDS = """
from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("words")

@mcp.tool()
def find(token: str) -> str:
    return f"{token} is in the statistics"

mcp.run()
"""


@pytest.mark.parametrize("is_option", [True, False], ids=["option", "trait"])
def test_a_parameter_that_is_only_called_like_a_secret_can_be_kept(jupyter_dirs, tmp_path, is_option):
    """`--no-redact NAME`, or the trait of that name (1.17)."""
    (tmp_path / "words.py").write_text(WORDS)
    with notebook(jupyter_dirs, tmp_path / "analysis.ipynb", "record") as kernel:
        if not is_option:
            kernel.run("%config CallingMagics.no_redact = ['token']")
        option = "--no-redact token" if is_option else ""
        kernel.run(f"%mcp_connect words {option} {sys.executable} {tmp_path / 'words.py'}")
        kernel.run("%mcp_call words find token=stochastic")
    written = (tmp_path / "analysis.cassette.json").read_text()
    assert '"token": "stochastic"' in written
    assert "[redacted]" not in written


def test_a_changed_tool_is_told_when_it_is_recorded_anew(jupyter_dirs, tmp_path, server):
    path = tmp_path / "analysis.ipynb"
    with notebook(jupyter_dirs, path, "record") as kernel:
        run(kernel, server)
        server.write_text(server.read_text().replace("days: int = 1", "days: float = 1"))
        ran = kernel.run(f"%mcp_connect weather {sys.executable} {server}")
    assert "weather is not what was recorded before" in ran.printed
    assert "days" in ran.printed


def test_without_a_notebooks_file_the_cassette_is_to_be_named(jupyter_dirs, tmp_path, server):
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ) as kernel:
        kernel.run("%load_ext mcp_jupyter")
        ran = kernel.run(f"%mcp_connect weather --record {sys.executable} {server}")
    assert ran.error.startswith("CassetteError: The path of this notebook is not known here")
    assert "%mcp_connect the option --cassette FILE" in ran.error


def test_the_recording_is_readable_and_of_stable_order(jupyter_dirs, tmp_path, server):
    texts = []
    for _ in range(2):
        with notebook(jupyter_dirs, tmp_path / "analysis.ipynb", "record") as kernel:
            run(kernel, server)
        texts.append((tmp_path / "analysis.cassette.json").read_text())
        (tmp_path / "analysis.cassette.json").unlink()
    assert texts[0] == texts[1]
    assert list(json.loads(texts[0])["servers"]) == ["weather"]
