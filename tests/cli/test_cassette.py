# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp cassette` on a real recording of a real server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter import types
from mcp_jupyter.client.cassettes import Cassette
from mcp_jupyter.client.client import Client
from tests.conftest import JupyterDirs

from .support import run

pytestmark = pytest.mark.anyio

SERVER = """
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.types import ToolAnnotations

mcp = FastMCP("clock")

@mcp.tool(annotations=ToolAnnotations(readOnlyHint=True))
def now(zone: str) -> str:
    return f"{zone} 1"

@mcp.tool()
def ring(times: int) -> str:
    raise ValueError("it rang")
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """Give a file with a server."""
    path = tmp_path / "clock.py"
    path.write_text(SERVER)
    return path


@pytest.fixture
async def cassette(tmp_path: Path, server: Path) -> Path:
    """Record that server twice, under two names."""
    path = tmp_path / "n.cassette.json"
    made = Cassette.open(path, "record")
    command = [sys.executable, "-m", "mcp_jupyter.cli", "run", str(server)]
    for alias in ("clock", "other"):
        async with Client(command, cassette=made.track(alias)) as client:
            await client.list_tools()
            for _ in range(3):
                await client.call_tool("now", {"zone": "UTC"})
            await client.call_tool("ring", {"times": 2})
    return path


async def ask(dirs: JupyterDirs, *words: str | Path) -> tuple[int, str, str]:
    ended = await run(dirs, "cassette", *map(str, words))
    errors = ended.stderr.decode()
    assert "Traceback" not in errors
    return ended.returncode, ended.stdout.decode(), errors


async def test_show(cassette: Path, jupyter_dirs: JupyterDirs) -> None:
    code, shown, errors = await ask(jupyter_dirs, "show", cassette, "--server", "clock")
    assert (code, errors) == (0, "")
    assert shown.splitlines() == [
        "clock (protocol 2026-07-28, 5 calls)",
        "METHOD      NAME  ARGUMENTS        OUTCOME          EVENTS",
        "tools/list  -     {}               answered         -",
        *['tools/call  now   {"zone": "UTC"}  answered         -'] * 3,
        'tools/call  ring  {"times": 2}     the tool failed  -',
    ]
    listed = json.loads((await ask(jupyter_dirs, "show", cassette, "--json"))[1])
    assert [each["server"] for each in listed] == ["clock"] * 5 + ["other"] * 5
    assert listed[4]["arguments"] == {"times": 2}


async def test_a_server_as_it_was_is_verified(
    cassette: Path, server: Path, jupyter_dirs: JupyterDirs
) -> None:
    command = (sys.executable, "-m", "mcp_jupyter.cli", "run", server)
    for target in ((server,), ("--", *command)):
        said = await ask(jupyter_dirs, "verify", cassette, "--server", "clock", "--call", *target)
        assert said == (0, "clock is as it was recorded.\n", "")


async def test_drift_and_other_answers_are_told(
    cassette: Path, server: Path, jupyter_dirs: JupyterDirs
) -> None:
    server.write_text(SERVER.replace("zone: str", "zone: str, unit: int = 0").replace("{zone} 1", "{zone} 2"))
    code, shown, _ = await ask(jupyter_dirs, "verify", cassette, server, "--server", "clock")
    assert (code, shown) == (1, "now: the argument unit (optional, integer) is new\n")
    code, shown, _ = await ask(jupyter_dirs, "verify", cassette, server, "--server", "clock", "--call")
    assert code == 1
    assert "now: the answer differs" in shown
    assert '+      "text": "UTC 2"' in shown
    assert "ring" not in shown


CHOOSY = """
import json, sys

def tools(capabilities):
    names = ["plain"]
    names += ["asks"] * ("elicitation" in capabilities)
    names += ["sends_to_url"] * ("url" in capabilities.get("elicitation", {}))
    names += ["samples"] * ("sampling" in capabilities)
    names += ["looks_at_roots"] * ("roots" in capabilities)
    return [{"name": name, "inputSchema": {"type": "object"}} for name in names]

for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        capabilities = message["params"]["capabilities"]
        info = {"name": "choosy", "version": "1"}
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    elif message["method"] == "tools/list":
        result = {"tools": tools(capabilities)}
    else:
        result = None
    if "id" in message:
        said = {"result": result} if result else {"error": {"code": -32601, "message": "unknown method"}}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}), flush=True)
"""


async def form_only(params: types.ElicitRequestFormParams) -> types.ElicitResult:
    return types.ElicitResult(action="cancel")


async def any_kind(params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="cancel")


async def sample(params: types.CreateMessageRequestParams) -> types.ErrorData:
    return types.ErrorData(code=-1, message="no")


async def roots() -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])


@pytest.mark.parametrize(
    "callbacks",
    [
        {},
        {"elicitation_callback": form_only},
        {"elicitation_callback": any_kind, "sampling_callback": sample},
        {"elicitation_callback": any_kind, "sampling_callback": sample, "list_roots_callback": roots},
    ],
    ids=["nothing", "forms", "as a notebook", "all"],
)
async def test_a_server_is_verified_as_the_recorded_client_saw_it(
    callbacks: dict[str, Any], tmp_path: Path, jupyter_dirs: JupyterDirs
) -> None:
    """The client declares the capabilities of the recorded one (1.37)."""
    path, script = tmp_path / "n.cassette.json", tmp_path / "choosy.py"
    script.write_text(CHOOSY)
    command = [sys.executable, str(script)]
    async with Client(command, cassette=Cassette.open(path, "record").track("choosy"), **callbacks) as client:
        await client.list_tools()
    assert await ask(jupyter_dirs, "verify", path, "--", *command) == (
        0,
        "choosy is as it was recorded.\n",
        "",
    )
    if len(callbacks) == 2:  # a recording of before: a notebook's
        recorded = json.loads(path.read_text())
        del recorded["servers"]["choosy"]["opening"]["capabilities"]
        path.write_text(json.dumps(recorded))
        assert (await ask(jupyter_dirs, "verify", path, "--", *command))[0] == 0


async def test_an_entry_of_a_file_of_servers(
    cassette: Path, server: Path, tmp_path: Path, jupyter_dirs: JupyterDirs
) -> None:
    words = ["-m", "mcp_jupyter.cli", "run", str(server)]
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"mcpServers": {"clock": {"command": sys.executable, "args": words}}}))
    code, _, _ = await ask(jupyter_dirs, "verify", cassette, path, "--server", "clock")
    assert code == 0


async def test_prune_keeps_what_a_replay_needs(cassette: Path, jupyter_dirs: JupyterDirs) -> None:
    before = cassette.read_bytes()
    gone = "clock: tools/call now again, with the same answer\n" * 2
    other = "other: the whole recording, 5 calls\n"
    words = ("prune", cassette, "--server", "other")
    assert await ask(jupyter_dirs, *words, "--dry-run") == (0, gone + other, "")
    assert cassette.read_bytes() == before
    assert await ask(jupyter_dirs, *words) == (0, gone + other, "")
    assert list(Cassette.open(cassette, "replay").recordings) == ["clock"]
    async with Client(None, cassette=Cassette.open(cassette, "replay").track("clock")) as client:
        await client.list_tools()
        for _ in range(4):
            assert (await client.call_tool("now", {"zone": "UTC"})).structuredContent == {"result": "UTC 1"}
    assert (await ask(jupyter_dirs, "prune", cassette))[2] == "Nothing to drop.\n"


PROBLEMS: list[tuple[tuple[Any, ...], str]] = [
    (("show", "none.json"), "File not found: none.json."),
    (("show", "{file}", "--server", "x"), "Unknown server 'x'. Known servers: clock, other."),
    (("verify", "{file}", "x.py"), "Say which server it is: --server NAME. Known servers: clock, other."),
    (("prune", "{file}", "--server", "x"), "Unknown server 'x'. Known servers: clock, other."),
]


@pytest.mark.parametrize(("words", "said"), PROBLEMS)
async def test_problems_are_one_line(
    words: tuple[str, ...], said: str, cassette: Path, jupyter_dirs: JupyterDirs
) -> None:
    given = [word.format(file=cassette) for word in words]
    assert await ask(jupyter_dirs, *given) == (1, "", f"Error: {said}\n")
