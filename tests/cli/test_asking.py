# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp inspect`, `call`, `read` and `prompt` with a real server, reached in every way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.http.app import serve_http
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, serve_notebook

from .peer import PNG
from .support import JUPYTER_MCP, run

pytestmark = pytest.mark.anyio

PEER = str(Path(__file__).with_name("peer.py"))

HEADERS = ("canary", ": canary", "X y: canary", "X: canary\nY: z", "X: canary é", "X\n: canary")

ANSWERS: dict[str, tuple[tuple[str, ...], str]] = {
    "numbers": (("add", "a=1", "b=2"), "3\n"),
    "defaults": (("add", "a=-1"), "-0.5\n"),
    "text": (("add", "a=1", "b=1", "note=5=6"), "2 (5=6)\n"),
    "json": (("add", "--arguments", '{"a": 1, "b": 1, "note": "x"}'), "2 (x)\n"),
    "both": (("add", "--arguments", '{"a": 1}', "b=4"), "5\n"),
    "nothing": (("links",), "[resource data://far⟨U+202E⟩, of an unknown type]\nheld text\n"),
    "images": (("picture",), "here it is\n[image, image/png, 264 bytes]\n[image, image/png, 264 bytes]\n"),
}


@pytest.fixture(scope="module")
def url(module_jupyter_dirs: JupyterDirs) -> Iterator[str]:
    """The server over HTTP, for all tests that are not about how it is reached: one process less for each."""
    command = [JUPYTER_MCP, "run", PEER, "--http", "--no-token", "--port", "0"]
    with subprocess.Popen(
        command, env=module_jupyter_dirs.environ, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().split()[3]
        finally:
            process.kill()


async def ask(dirs: JupyterDirs, *args: str) -> tuple[int, str, str]:
    """Run a command: exit code, output, error output. Nothing that a terminal obeys is in either."""
    ended: subprocess.CompletedProcess[bytes] = await run(dirs, *args)
    shown, errors = ended.stdout.decode(), ended.stderr.decode()
    assert all(char.isprintable() or char in "\n\t" for char in shown + errors)
    assert "Traceback" not in errors
    return ended.returncode, shown, errors


# -- ways to reach a server ------------------------------------------------------------------------


async def test_a_file(jupyter_dirs: JupyterDirs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_VARIABLE", "seen")
    assert await ask(jupyter_dirs, "call", f"{PEER}:mcp", "environment", "name=OWN_VARIABLE") == (
        0,
        "seen\n",
        "",
    )


async def test_a_command_line(jupyter_dirs: JupyterDirs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_VARIABLE", "not for others")
    command = ("--", sys.executable, "-m", "mcp_jupyter.cli", "run", PEER)
    answer = await ask(jupyter_dirs, "call", "environment", "name=OWN_VARIABLE", *command)
    assert answer == (0, "not set\n", "")
    assert "peer 1.2" in (await ask(jupyter_dirs, "inspect", *command))[1]


async def test_a_server_of_the_official_sdk(jupyter_dirs: JupyterDirs) -> None:
    command = (
        "--",
        sys.executable,
        str(Path(__file__).parents[1] / "client" / "official_server.py"),
        "stdio",
    )
    assert await ask(jupyter_dirs, "call", "add", "a=1", "b=2", *command) == (0, "3\n", "")
    code, shown, _ = await ask(jupyter_dirs, "inspect", *command)
    assert code == 0
    assert "  add(a: integer, b: integer)\n      The sum of two integers.\n" in shown


async def test_a_file_of_servers(jupyter_dirs: JupyterDirs, tmp_path: Path) -> None:
    entry = {"command": sys.executable, "args": ["-m", "mcp_jupyter.cli", "run", PEER]}
    file = tmp_path / "servers.json"
    servers = {"peer": entry, "other": {"url": "http://127.0.0.1:9"}, "none": {"command": "no-such-command"}}
    file.write_text(json.dumps({"mcpServers": servers}))
    asked = ("call", str(file), "add", "a=1", "--server")
    assert await ask(jupyter_dirs, *asked, "peer") == (0, "1.5\n", "")
    assert "no-such-command cannot be started" in (await ask(jupyter_dirs, *asked, "none"))[2]
    for name in ("nobody", ""):
        code, shown, errors = await ask(jupyter_dirs, *asked, name)
        assert (code, shown) == (1, "")
        assert "peer" in errors
    assert (
        "Give --server NAME. Known servers: peer, other, none." in (await ask(jupyter_dirs, *asked[:-1]))[2]
    )


@pytest.mark.parametrize("name", [".mcp.json", "mcp.json", ".cursor/mcp.json"])
async def test_what_came_with_a_project_is_used_once_the_user_agrees(
    jupyter_dirs: JupyterDirs, tmp_path: Path, name: str
) -> None:
    """A terminal asks as `%mcp_connect` does, before anything is started (1.30)."""
    file, started = tmp_path / name, tmp_path / "started"
    file.parent.mkdir(exist_ok=True)
    code = f"import pathlib, runpy, sys; pathlib.Path({str(started)!r}).touch()"
    code += f"; sys.argv = ['x', 'run', {PEER!r}]; runpy.run_module('mcp_jupyter.cli', run_name='__main__')"
    entry = {"command": sys.executable, "args": ["-c", code], "env": {"TZ": "${HOME}"}}
    file.write_text(json.dumps({"mcpServers": {"peer": entry}}))
    for command in (
        ("inspect",),
        ("call", "add", "a=1", "b=1"),
        ("read", "data://text"),
        ("prompt", "summarise"),
    ):
        exit_code, shown, errors = await ask(jupyter_dirs, command[0], str(file), *command[1:])
        assert (exit_code, shown) == (1, "")
        assert "came with a project, and would start: " in errors
        assert "TZ=${HOME}" in errors
        assert "It is given variables of yours: HOME in the variable TZ." in errors
        assert "add --trust" in errors
    assert not started.exists()
    assert (await ask(jupyter_dirs, "call", "--trust", str(file), "add", "a=1"))[:2] == (0, "1.5\n")
    assert (await ask(jupyter_dirs, "call", str(file), "add", "a=1"))[:2] == (0, "1.5\n")
    assert started.exists()


async def test_a_url_with_headers(jupyter_dirs: JupyterDirs) -> None:
    from mcp_jupyter.server.http.admission import StandaloneAuthenticator

    server = FastMCP("remote")
    server.add_tool(lambda: "hello", name="hello")
    async with serve_http(
        server, port=0, authenticator=StandaloneAuthenticator(token="canary-token")
    ) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        header = ("--header", "Authorization: Bearer canary-token")
        assert await ask(jupyter_dirs, "call", url, "hello", *header) == (0, "hello\n", "")
        code, shown, errors = await ask(
            jupyter_dirs, "call", url, "hello", "--header", "Authorization: canary"
        )
        assert (code, shown) == (1, "")
        assert "canary" not in errors
        assert "bearer token" in errors


async def test_a_live_notebook(
    jupyter_dirs: JupyterDirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).mkdir()  # a folder of that name is no reason not to find it
    monkeypatch.chdir(tmp_path)
    async with serve_notebook():
        assert await ask(jupyter_dirs, "call", NAME, "total", "n=2") == (0, "20\n", "")
        code, shown, errors = await ask(jupyter_dirs, "inspect", "report.ipynb")
        assert (code, shown) == (1, "")
        assert "File not found: report.ipynb" in errors
        (tmp_path / "report.ipynb").write_text("{}")
        assert "report.ipynb is not live. Open it" in (await ask(jupyter_dirs, "inspect", "report.ipynb"))[2]
        code, shown, errors = await ask(jupyter_dirs, "call", NAME, "nothing")
        assert (code, shown) == (1, "")
        assert "Unknown tool 'nothing'" in errors


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("nobody",), 1, "No live notebook is named 'nobody'"),
        (("nowhere.py",), 1, "File not found: nowhere.py"),
        (("./nowhere",), 1, "File not found: nowhere"),
        (("nowhere.json",), 1, "nowhere.json"),
        (("http://127.0.0.1:9/mcp",), 1, "127.0.0.1:9"),
        (("ftp://example.com",), 2, "http://"),
        (("--", "no-such-command-at-all"), 1, "no-such-command-at-all cannot be started"),
        (("--", sys.executable, "-c", "print(); raise SystemExit('my last words')"), 1, "my last words"),
        (("--",), 2, "After -- comes the command"),
        (("-",), 2, "After -- comes the command"),
        ((PEER, "--server", "x"), 2, "--server is for"),
        ((PEER, "--header", "X: y"), 2, "--header is for"),
        *((("http://127.0.0.1:9", "--header", each), 2, "'Name: value'") for each in HEADERS),
    ],
)
async def test_nobody_there_is_told(
    jupyter_dirs: JupyterDirs, args: tuple[str, ...], code: int, words: str
) -> None:
    ended, shown, errors = await ask(jupyter_dirs, "inspect", *args)
    assert (ended, shown) == (code, "")
    assert words in errors
    assert "canary" not in errors


async def test_a_notebook_by_its_file(jupyter_dirs: JupyterDirs, tmp_path: Path) -> None:
    path = tmp_path / "report.ipynb"
    path.write_text("{}")
    async with serve_notebook(path=str(path)):
        assert await ask(jupyter_dirs, "call", str(path), "total", "n=2") == (0, "20\n", "")


# -- inspect ---------------------------------------------------------------------------------------


async def test_inspect_shows_what_there_is(jupyter_dirs: JupyterDirs, url: str) -> None:
    code, shown, _ = await ask(jupyter_dirs, "inspect", url)
    assert code == 0
    assert shown.startswith("peer 1.2 (protocol 2026-07-28)\n\nUse with care.⟨U+202E⟩\n\nTools\n")
    for lines in (
        "  add(a: integer, b: number = 0.5, note?: string)\n      Add two numbers.\n  mix(",
        '  mix(kind: "x" | "y", numbers: [integer], table: object)\n      Take all kinds.\n',
        "  poison()\n      Poison.⟨U+202E⟩⟨U+0007⟩\n",
        "\nResources\n  data://text (text/csv)\n      Some rows.\n  data://bytes (image/png)\n",
        "  data://of/{year}",
        "\nPrompts\n  summarise(region, style?)\n      Summarise a region.\n",
    ):
        assert lines in shown


async def test_inspect_for_programs(jupyter_dirs: JupyterDirs, url: str) -> None:
    shown: dict[str, Any] = json.loads((await ask(jupyter_dirs, "inspect", url, "--json"))[1])
    assert shown["serverInfo"]["name"] == "peer"
    assert "tools" in shown["capabilities"]
    assert [tool["name"] for tool in shown["tools"]][:2] == ["add", "mix"]
    assert [template["uriTemplate"] for template in shown["resourceTemplates"]] == ["data://of/{year}"]
    assert shown["prompts"][0]["arguments"][0]["required"] is True
    assert shown["instructions"] == "Use with care.\x1b[2J\u202e"


async def test_inspect_of_an_empty_server(jupyter_dirs: JupyterDirs, tmp_path: Path) -> None:
    (tmp_path / "low.py").write_text(
        "from mcp_jupyter.server.lowlevel import Server\nlow = Server('low', '1')"
    )
    shown = (await ask(jupyter_dirs, "inspect", str(tmp_path / "low.py")))[1]
    assert shown == "low 1 (protocol 2026-07-28)\n\nIt has no tools, resources or prompts.\n"


async def test_inspect_of_a_server_without_one_of_the_lists(
    jupyter_dirs: JupyterDirs, tmp_path: Path
) -> None:
    (tmp_path / "low.py").write_text(
        "from mcp_jupyter import types\n"
        "from mcp_jupyter.server.lowlevel import Server\n"
        "low = Server('low', '1')\n"
        "@low.list_resources()\n"
        "async def resources(): return [types.Resource(uri='a:b', name='b')]\n"
    )
    code, shown, errors = await ask(jupyter_dirs, "inspect", str(tmp_path / "low.py"))
    assert (code, errors) == (0, "")
    assert shown.endswith("\nResources\n  a:b\n")


# -- call ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ANSWERS)
async def test_call_shows_the_answer(jupyter_dirs: JupyterDirs, url: str, case: str) -> None:
    args, answer = ANSWERS[case]
    assert await ask(jupyter_dirs, "call", url, *args) == (0, answer, "")


async def test_arguments_are_what_the_schema_says(jupyter_dirs: JupyterDirs, url: str) -> None:
    given = ("kind=x", "numbers=[1, 2]", 'table={"a": 3}')
    code, shown, _ = await ask(jupyter_dirs, "call", url, "mix", *given)
    assert (code, json.loads(shown)) == (0, {"x": 6})


async def test_the_whole_result_is_there_for_programs(jupyter_dirs: JupyterDirs, url: str) -> None:
    code, shown, _ = await ask(jupyter_dirs, "call", url, "poison", "--json")
    result = json.loads(shown)
    assert (code, result["content"][0]["text"]) == (0, "poisoned\x1b[2J\u202e")
    code, shown, _ = await ask(jupyter_dirs, "call", url, "fail", "--json")
    assert (code, json.loads(shown)["isError"]) == (5, True)


async def test_a_tool_that_fails_has_an_exit_code_of_its_own(jupyter_dirs: JupyterDirs, url: str) -> None:
    code, shown, errors = await ask(jupyter_dirs, "call", url, "fail")
    assert (code, shown) == (5, "")
    assert "it went wrong" in errors


async def test_images_are_saved(jupyter_dirs: JupyterDirs, url: str, tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    code, shown, errors = await ask(jupyter_dirs, "call", url, "picture", "--output", str(path))
    assert (code, shown) == (0, "here it is\n")
    assert path.read_bytes() == PNG
    assert (tmp_path / "plot-2.png").read_bytes() == PNG[::-1]
    assert errors.splitlines() == [
        f"Saved {path}, 264 bytes.",
        f"Saved {tmp_path / 'plot-2.png'}, 264 bytes.",
    ]


async def test_an_answer_that_does_not_come_is_not_waited_for(jupyter_dirs: JupyterDirs, url: str) -> None:
    code, shown, errors = await ask(jupyter_dirs, "call", url, "slow", "--timeout", "3")
    assert (code, shown) == (1, "")
    progress, error = errors.splitlines()
    assert progress == "[1/4] a quarter⟨U+202E⟩"
    assert "3 s" in error


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("ad", "a=1"), 1, "Unknown tool 'ad'. Known tools: add, environment, fail"),
        (("ad",), 1, "Unknown tool 'ad'"),
        (("add", "c=1"), 1, "add: Unknown argument 'c'. Known arguments: a, b, note."),
        (("add", "a=one"), 1, "add: a must be a whole number, which 'one' is not."),
        (("add", "one"), 2, "key=value"),
        (("add", "a=1", "a=2"), 2, "a is given twice"),
        (("add", "--arguments", "[1]"), 2, "must be a JSON object"),
        (("add", "--arguments", "{a: 1}"), 2, "--arguments is not valid JSON"),
        (("picture", "--output", "/nowhere/x.png"), 1, "/nowhere/x.png cannot be written"),
        ((), 2, "Missing argument 'TOOL'"),
    ],
)
async def test_a_bad_call_is_told(
    jupyter_dirs: JupyterDirs, url: str, args: tuple[str, ...], code: int, words: str
) -> None:
    ended, _, errors = await ask(jupyter_dirs, "call", url, *args)
    assert ended == code
    assert words in errors


# -- read and prompt -------------------------------------------------------------------------------


async def test_read(jupyter_dirs: JupyterDirs, url: str, tmp_path: Path) -> None:
    assert await ask(jupyter_dirs, "read", url, "data://text") == (0, "a,b\n1,2\n", "")
    assert await ask(jupyter_dirs, "read", url, "data://of/2026") == (0, "rows of 2026\n", "")
    assert (await ask(jupyter_dirs, "read", url, "data://bytes"))[
        1
    ] == "[data://bytes, image/png, 264 bytes]\n"
    saved = tmp_path / "saved"
    for uri, data in (("data://bytes", PNG), ("data://text", b"a,b\n1,2")):
        assert (await ask(jupyter_dirs, "read", url, uri, "--output", str(saved)))[:2] == (0, "")
        assert saved.read_bytes() == data
    shown = json.loads((await ask(jupyter_dirs, "read", url, "data://text", "--json"))[1])
    assert shown["contents"][0] == {"uri": "data://text", "mimeType": "text/csv", "text": "a,b\n1,2"}
    code, shown, errors = await ask(jupyter_dirs, "read", url, "data://nothing")
    assert (code, shown) == (1, "")
    assert "data://nothing" in errors


async def test_what_the_pipe_cannot_encode_is_written_out(
    jupyter_dirs: JupyterDirs, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    answer = await ask(jupyter_dirs, "call", url, "add", "a=1", "b=1", "note=5 €")
    assert answer == (0, "2 (5 \\u20ac)\n", "")


async def test_prompt(jupyter_dirs: JupyterDirs, url: str) -> None:
    code, shown, _ = await ask(jupyter_dirs, "prompt", url, "summarise", "region=north", "style=long")
    assert (code, shown) == (0, "user:\nSummarise north, long.⟨U+202E⟩\n")
    shown = (await ask(jupyter_dirs, "prompt", url, "summarise", "region=3", "--json"))[1]
    assert json.loads(shown)["messages"][0]["content"]["text"].startswith("Summarise 3, short.")
    for args, words in (
        (("summarise", "regoin=x"), "Unknown argument 'regoin'. Known arguments: region, style."),
        (("summarise",), "region"),
        (("nothing",), "Unknown prompt 'nothing'"),
    ):
        code, shown, errors = await ask(jupyter_dirs, "prompt", url, *args)
        assert (code, shown) == (1, "")
        assert words in errors
