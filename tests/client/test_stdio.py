# SPDX-License-Identifier: BSD-3-Clause
"""The stdio transport against children that misbehave, and what is left of them at the end: nothing."""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.client import ClientSession, StdioServerParameters, stdio_client
from mcp_jupyter.errors import ConnectionClosed, McpError, RequestTimeout

from .conftest import nothing_left

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="children here speak POSIX signals"),
]

SERVER = """
import json, os, signal, subprocess, sys, time

def say(message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()

def answer(message, result):
    say({"jsonrpc": "2.0", "id": message["id"], "result": result})

def text(value):
    return {"content": [{"type": "text", "text": str(value)}]}

def serve(call):
    for line in sys.stdin:
        message = json.loads(line)
        method = message["method"]
        if method == "initialize":
            version = message["params"]["protocolVersion"]
            info = {"name": "child", "version": "1"}
            answer(message, {"protocolVersion": version, "capabilities": {}, "serverInfo": info})
        elif method == "ping":
            answer(message, {})
        elif method == "tools/call":
            call(message, message["params"]["name"])
"""


def child(body: str, **options: Any) -> StdioServerParameters:
    """A server made of `SERVER` and a body, which begins to serve at its end."""
    return StdioServerParameters(command=sys.executable, args=["-c", SERVER + body], **options)


@asynccontextmanager
async def session(server: StdioServerParameters, **options: Any) -> AsyncIterator[ClientSession]:
    async with (
        nothing_left(),
        stdio_client(server, **options) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def ask(session: ClientSession, name: str) -> str:
    content = (await session.call_tool(name)).content[0]
    assert isinstance(content, types.TextContent)
    return content.text


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie, whose parent has not looked yet, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


# -- how it is meant to be ------------------------------------------------------------------------------


async def test_the_example_of_the_readme_runs(official_command: StdioServerParameters) -> None:
    async def handle_sampling_message(message: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        return types.CreateMessageResult(
            role="assistant",
            content=types.TextContent(type="text", text="Hello, world! from model"),
            model="gpt-3.5-turbo",
            stopReason="endTurn",
        )

    async with stdio_client(official_command) as (read, write):  # noqa: SIM117 - as it is there
        async with ClientSession(read, write, sampling_callback=handle_sampling_message) as session:
            await session.initialize()
            prompts = await session.list_prompts()
            prompt = await session.get_prompt("greet", arguments={"name": "value"})
            resources = await session.list_resources()
            tools = await session.list_tools()
            content, mime_type = await session.read_resource("note://today")
            result = await session.call_tool("ask_model", arguments={"question": "value"})
    assert (prompts.prompts[0].name, prompt.messages[0].role, resources.resources[0].name) == (
        "greet",
        "user",
        "note",
    )
    assert (len(tools.tools) > 5, content, mime_type) == (True, "# Today", "text/markdown")
    assert result.structuredContent == {"result": "Hello, world! from model"}


async def test_a_server_that_ends_when_its_input_ends_is_not_waited_for() -> None:
    async with session(child("serve(None)")) as client:
        await client.send_ping()
        begin = time.monotonic()
    assert time.monotonic() - begin < 2


async def test_the_environment_is_an_allow_list_and_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    monkeypatch.setenv("TERM", "() { :; }; echo")  # an exported function, as old shells wrote them
    server = child("serve(lambda m, _: answer(m, text(sorted(os.environ))))", env={"MY_SETTING": "1"})
    async with session(server) as client:
        names = await ask(client, "environment")
    assert "'PATH'" in names
    assert "'MY_SETTING'" in names
    assert not any(name in names for name in ("JUPYTER_TOKEN", "LD_LIBRARY_PATH", "TERM"))


async def test_the_working_directory_is_as_given(tmp_path: Path) -> None:
    server = child("serve(lambda m, _: answer(m, text(os.getcwd())))", cwd=tmp_path)
    async with session(server) as client:
        assert await ask(client, "cwd") == str(tmp_path)


async def test_error_output_goes_where_it_is_wanted() -> None:
    errors = io.StringIO()
    body = "sys.stderr.write('caf\\u00e9\\n'); sys.stderr.flush(); serve(None)"
    async with session(child(body, env={"PYTHONIOENCODING": "utf-8"}), errlog=errors) as client:
        await client.send_ping()
    assert errors.getvalue() == "caf\u00e9\n"


async def test_error_output_to_a_closed_file_harms_nobody() -> None:
    errors = io.StringIO()
    errors.close()
    async with session(child("print('x' * 10**6, file=sys.stderr); serve(None)"), errlog=errors) as client:
        await client.send_ping()


def test_a_repr_does_not_show_the_environment() -> None:
    assert "hunter2" not in repr(StdioServerParameters(command="x", env={"TOKEN": "hunter2"}))


async def test_a_command_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-command"):
        async with stdio_client(StdioServerParameters(command="no-such-command")):
            pass


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with session(child("serve(None)")):
            raise LookupError("mine")


# -- children that misbehave while they are spoken to --------------------------------------------------


async def test_a_server_that_dies_fails_the_call_and_leaves_its_last_words() -> None:
    body = "def die(m, _):\n    raise RuntimeError('out of \\x1b[31m cheese')\nserve(die)"
    async with session(child(body)) as client:
        with anyio.fail_after(10):
            with pytest.raises(ConnectionClosed, match=r"exit code 1.*out of cheese"):
                await client.call_tool("die")
            with pytest.raises(ConnectionClosed, match="exit code 1"):
                await client.send_ping()


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["x" * 450, "y" * 400, "the end"], f"{'y' * 400} the end"),
        (["before", f"Error: {'z' * 600}"], f"Error: {'z' * 492}…"),
        (["w" * 9000, "the end"], "the end"),
    ],
    ids=["whole lines", "one long line", "more than is kept"],
)
async def test_last_words_begin_at_the_start_of_a_line(lines: list[str], shown: str) -> None:
    """Half a word at their start would be a riddle (2: slow or odd)."""
    body = f"def die(m, _):\n    sys.stderr.write({chr(10).join(lines)!r} + '\\n')\n    sys.stderr.flush()\n"
    async with session(child(f"{body}    os._exit(1)\nserve(die)")) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await client.call_tool("die")
    assert str(caught.value) == f"The server process ended (exit code 1). Its last words: {shown}"


async def test_a_server_that_is_killed_is_said_to_be() -> None:
    async with session(child("serve(lambda m, _: os.kill(os.getpid(), signal.SIGKILL))")) as client:
        with pytest.raises(ConnectionClosed, match="killed by SIGKILL"):
            await client.call_tool("die")


async def test_a_server_that_never_starts_says_why() -> None:
    server = StdioServerParameters(command=sys.executable, args=["-c", "import no_such_module_at_all"])
    with pytest.raises(ConnectionClosed, match="no_such_module_at_all"):
        async with session(server):
            pass


async def test_a_hanging_call_times_out_and_the_session_goes_on() -> None:
    async with session(child("serve(lambda m, _: None)")) as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("hang", timeout=0.1)
        await client.send_ping()


async def test_lines_that_are_no_messages_are_skipped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    body = """
def junk(m, _):
    late = '{"jsonrpc": "2.0", "id": 99, "result": {}}'
    for line in ("\\x1b]8;;", "[1, 2]", "{}", "null", late, "", "\\xff" * 300):
        print(line, flush=True)
    answer(m, text("after"))
print("Server is starting!", flush=True)
serve(junk)
"""
    with caplog.at_level(logging.WARNING, "mcp_jupyter"):
        async with session(child(body)) as client:
            assert await ask(client, "junk") == "after"
            assert await ask(client, "junk") == "after"
    assert [record.getMessage() for record in caplog.records] == [
        "The server sent something that is not a message (logged once): b'Server is starting!'"
    ]


async def test_a_malformed_answer_fails_its_call_at_once() -> None:
    body = "serve(lambda m, _: say({'jsonrpc': '2.0', 'id': m['id'], 'result': 'no object'}))"
    async with session(child(body)) as client:
        with anyio.fail_after(5), pytest.raises(McpError, match="A result must be a JSON object"):
            await client.call_tool("t")
        await client.send_ping()


async def test_answers_nobody_waits_for_are_dropped() -> None:
    body = """
def call(message, name):
    own = message["id"]
    for other in (own + 1, f"0{own}", own + 0.5, True, None, -1, "x" * 10000):
        answer({"id": other}, text("not yours"))
    answer(message, text(name))
    answer(message, text("again"))
    say({"jsonrpc": "2.0", "id": own, "error": {"code": 1, "message": "no, an error"}})
serve(call)
"""
    async with session(child(body)) as client:
        for name in ("first", "second", "third"):
            assert await ask(client, name) == name


async def test_a_line_without_end_ends_the_connection() -> None:
    body = """
def endless(m, _):
    while True:
        sys.stdout.write("x" * 10**6)
serve(endless)
"""
    async with session(child(body)) as client:
        with (
            anyio.fail_after(30),
            pytest.raises(ConnectionClosed, match="a line of more than 67108864 bytes"),
        ):
            await client.call_tool("t")


async def test_an_answer_with_too_many_lists_ends_the_connection() -> None:
    """A hostile server cannot freeze the kernel, nor leave the caller waiting (1.26)."""
    body = """
def bomb(m, _):
    answer(m, {"content": [], "structuredContent": {"x": [[]] * 1_000_000}})
serve(bomb)
"""
    async with session(child(body)) as client:
        with (
            anyio.fail_after(30),
            pytest.raises(ConnectionClosed, match="a message of more than 100,000 lists and objects"),
        ):
            await client.call_tool("t")


async def test_a_long_message_in_one_line_arrives_both_ways() -> None:
    body = "serve(lambda m, _: answer(m, text(m['params']['arguments']['data'])))"
    data = "x" * 5_000_000
    async with session(child(body)) as client:
        result = await client.call_tool("echo", {"data": data})
    assert result.content == [types.TextContent(text=data)]


async def test_endless_error_output_does_not_stop_the_connection() -> None:
    body = """
import threading
def shout():
    while True:
        os.write(2, b"error " * 1000)
threading.Thread(target=shout, daemon=True).start()
serve(lambda m, _: answer(m, text("fine")))
"""
    async with session(child(body)) as client:
        with anyio.fail_after(20):
            assert [await ask(client, "t") for _ in range(20)] == ["fine"] * 20


async def test_a_flood_of_progress_ends_with_the_answer() -> None:
    body = """
def flood(m, _):
    token = m["params"]["_meta"]["progressToken"]
    for number in range(20000):
        params = {"progressToken": token, "progress": number}
        say({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
    answer(m, text("done"))
serve(flood)
"""
    seen: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    async with session(child(body)) as client:
        with anyio.fail_after(30):
            await client.call_tool("t", progress_callback=progress)
    assert seen[-1] == 19_999
    assert seen == sorted(seen)


async def test_a_server_that_does_not_read_is_given_up() -> None:
    async with session(child("serve(lambda m, _: time.sleep(60))")) as client:
        with anyio.move_on_after(0.2):
            await client.call_tool("sleep")

        async def send_on() -> None:
            while True:
                with anyio.move_on_after(0):
                    await client.call_tool("t", {"data": "x" * 1000})

        with anyio.fail_after(10), pytest.raises(ConnectionClosed, match="does not read"):
            await send_on()


# -- children that will not go -------------------------------------------------------------------------


@linux
async def test_a_server_that_ignores_the_end_and_sigterm_is_killed() -> None:
    body = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
serve(lambda m, _: answer(m, text(os.getpid())))
while True:
    time.sleep(60)
"""
    async with session(child(body)) as client:
        pid = int(await ask(client, "pid"))
        assert alive(pid)
        begin = time.monotonic()
    assert time.monotonic() - begin < 10
    assert not alive(pid)
    with pytest.raises(ProcessLookupError):  # not even as a zombie
        os.kill(pid, 0)


@linux
@pytest.mark.parametrize("stubborn", [False, True], ids=["willing", "ignores SIGTERM"])
async def test_grandchildren_go_with_their_parent(stubborn: bool) -> None:
    body = f"""
def spawn(m, _):
    code = "import signal, time\\n"
    code += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n" * {stubborn}
    code += "print(1, flush=True)\\ntime.sleep(600)"
    grandchild = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    grandchild.stdout.readline()
    answer(m, text(grandchild.pid))
serve(spawn)
"""
    async with session(child(body)) as client:
        pid = int(await ask(client, "spawn"))
        assert alive(pid)
    assert not alive(pid)


@linux
async def test_a_grandchild_that_left_the_group_and_holds_the_pipes_does_not_hold_us() -> None:
    body = """
def spawn(m, _):
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    grandchild = subprocess.Popen(command, start_new_session=True)
    answer(m, text(grandchild.pid))
serve(spawn)
"""
    async with session(child(body)) as client:
        pid = int(await ask(client, "spawn"))
        begin = time.monotonic()
    try:
        assert time.monotonic() - begin < 5
    finally:
        os.kill(pid, 9)


@linux
async def test_cancelling_ends_the_child_too() -> None:
    pids: list[int] = []

    async def use() -> None:
        async with session(child("serve(lambda m, _: answer(m, text(os.getpid())))")) as client:
            pids.append(int(await ask(client, "pid")))
            await anyio.sleep_forever()

    async with nothing_left(), anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        with anyio.fail_after(10):
            while not pids:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert not alive(pids[0])


@linux
async def test_no_descriptor_is_left_open() -> None:
    async def descriptors() -> int:
        async with session(child("serve(None)")) as client:
            await client.send_ping()
        return len(os.listdir("/proc/self/fd"))

    first = await descriptors()
    assert [await descriptors() for _ in range(3)] == [first] * 3
