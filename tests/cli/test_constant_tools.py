# SPDX-License-Identifier: BSD-3-Clause
"""`--constant-tools` of the commands that serve notebooks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, CLIENT_INFO, LATEST_MODERN, PROTOCOL_VERSION
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, make_notebook, serve_notebook
from tests.headless.conftest import write_notebook

from .support import Attached, attach, run
from .test_run import serving

__all__ = ["write_notebook"]

pytestmark = pytest.mark.anyio

CONSTANT = ["find_tools", "use_tool", "read_more"]


def request(id: int, method: str, host: str, **params: Any) -> dict[str, Any]:
    meta = {
        PROTOCOL_VERSION: LATEST_MODERN,
        CLIENT_CAPABILITIES: {},
        CLIENT_INFO: {"name": host, "version": "1"},
    }
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": meta}}


async def listed(attached: Attached, host: str, id: int = 1) -> list[str]:
    await attached.send(request(id, "tools/list", host))
    tools = (await attached.answer(id))["result"]["tools"]
    return [tool["name"] for tool in tools if tool["name"] in CONSTANT]


@pytest.mark.parametrize("target", [NAME, "--all"])
@pytest.mark.parametrize(
    ("options", "for_claude", "for_codex"),
    [
        ([], [], CONSTANT[:2]),
        (["--constant-tools", "yes"], CONSTANT, CONSTANT),
        (["--constant-tools", "no"], [], []),
        (["--constant-tools", "auto"], [], CONSTANT[:2]),
    ],
)
async def test_attach_gives_them_as_it_is_told(
    jupyter_dirs: JupyterDirs, target: str, options: list[str], for_claude: list[str], for_codex: list[str]
) -> None:
    """For one notebook and for all; what is not listed cannot be called (2: constant tools)."""
    server = make_notebook()
    server.constant_tools.mode = "auto"
    total = "total" if target == NAME else f"{NAME}_total"
    async with serve_notebook(server=server), attach(jupyter_dirs, target, *options) as attached:
        assert await listed(attached, "claude-code") == for_claude
        assert await listed(attached, "codex-mcp-client", 2) == for_codex
        use = {"name": "use_tool", "arguments": {"name": total, "arguments": {"n": 2}}}
        await attached.send(request(3, "tools/call", "codex-mcp-client", **use))
        answer = await attached.answer(3)
        if for_codex:
            assert answer["result"]["content"][0]["text"] == "20"
        else:
            assert "use_tool" in answer["error"]["message"]


async def test_without_the_option_the_notebook_says(jupyter_dirs: JupyterDirs) -> None:
    """What `%mcp_serve` says in the notebook holds, and the option overrides it (2: constant tools)."""
    async with serve_notebook(server=make_notebook()):  # has none
        async with attach(jupyter_dirs, NAME) as attached:
            assert await listed(attached, "unknown") == []
        async with attach(jupyter_dirs, NAME, "--constant-tools", "auto") as attached:
            assert await listed(attached, "unknown") == CONSTANT


async def test_another_word_is_refused(jupyter_dirs: JupyterDirs) -> None:
    """With those there are (2: constant tools)."""
    ended = await run(jupyter_dirs, "attach", NAME, "--constant-tools", "maybe")
    assert ended.returncode == 2
    assert b"'maybe' is not one of 'yes', 'no', 'auto'" in ended.stderr


TOOL = "%%mcp_tool\ndef total(n: int) -> int:\n    return 10 * n"


async def test_run_gives_them_for_a_notebook(
    jupyter_dirs: JupyterDirs, write_notebook: Callable[..., Path]
) -> None:
    """On stdio, where the kernel is yet to start, by the host's need or as it is told (2: constant tools)."""
    path = str(write_notebook(TOOL))
    async with attach(jupyter_dirs, path, command="run") as attached:
        assert await listed(attached, "codex-mcp-client") == CONSTANT[:2]
        assert await listed(attached, "claude-code", 2) == []
        use = {"name": "use_tool", "arguments": {"name": "total", "arguments": {"n": 2}}}
        await attached.send(request(3, "tools/call", "codex-mcp-client", **use))
        assert (await attached.answer(3))["result"]["content"][0]["text"] == "20"
    async with attach(jupyter_dirs, path, "--constant-tools", "yes", command="run") as attached:
        assert await listed(attached, "claude-code") == CONSTANT


async def test_run_over_http_gives_them_as_it_is_told(
    jupyter_dirs: JupyterDirs, write_notebook: Callable[..., Path]
) -> None:
    """Our own client needs none (2: constant tools)."""
    options = ("--http", "--port", "0", "--no-token", "--constant-tools", "yes")
    async with AsyncExitStack() as stack:
        serves = serving(jupyter_dirs, str(write_notebook(TOOL)), *options)
        _, url, _ = await stack.enter_async_context(serves)
        client = await stack.enter_async_context(Client(url))
        assert [tool.name for tool in await client.list_tools()] == ["total", *CONSTANT]
        arguments = {"name": "total", "arguments": {"n": 2}}
        assert (await client.call_tool("use_tool", arguments)).content[0].text == "20"


async def test_run_of_a_script_never_gives_them(jupyter_dirs: JupyterDirs, tmp_path: Path) -> None:
    """Neither to an unknown host, nor when it is told to (2: constant tools)."""
    script = tmp_path / "server.py"
    script.write_text("from mcp_jupyter.server import FastMCP\nmcp = FastMCP('script')\n")
    async with attach(jupyter_dirs, str(script), command="run") as attached:
        assert await listed(attached, "unknown") == []
    ended = await run(jupyter_dirs, "run", str(script), "--constant-tools", "yes")
    assert ended.returncode == 2
    assert b"--constant-tools: for notebook files only" in ended.stderr
