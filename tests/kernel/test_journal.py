# SPDX-License-Identifier: BSD-3-Clause
"""What the user sees of the calls of clients: the journal, the owner's link and `%mcp_calls`."""

from __future__ import annotations

import json
import stat
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from mcp_jupyter.errors import McpError
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.owner_link import ask_owner, owner_link

from .live import live_kernel

pytestmark = pytest.mark.anyio

TOOLS = """
%%mcp_tool
import asyncio, datetime, enum, time
from dataclasses import dataclass

class Colour(enum.Enum):
    RED = "red"

@dataclass
class Region:
    name: str

def top(n: int = 5, region: str = "") -> list[int]:
    "The highest."
    print("looking at", len(_rows()))
    return sorted(sales, reverse=True)[:n]

def _rows(): return sales
def login(user: str, password: str) -> str: return f"{user} {len(password)}"
def fails() -> int: return 1 / 0
def typed(day: datetime.date, colour: Colour, where: Region) -> str: return f"{day} {colour} {where.name}"
async def later(x: float) -> float: return x
def sleeps() -> int:
    for _ in range(600):
        time.sleep(0.05)
    return 1
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/Journal.ipynb") as kernel:
        assert not kernel.run("%load_ext mcp_jupyter\nsales, other = [3, 1, 2], 1").error
        ran = kernel.run(TOOLS.lstrip())
        assert not ran.error
        assert not kernel.run("%mcp_resource sales\n%mcp_resource other").error
        yield kernel


@pytest.fixture
async def info(kernel):
    return await Discovery(kernel.runtime_dir).find("Journal")


async def last_call(info, **wanted):
    (entry,) = (await ask_owner(info, "calls/list", {"last": 1, **wanted}))["calls"]
    return entry


async def test_a_call_is_kept_with_who_asked_what_came_and_how_long_it_took(kernel, info):
    async with kernel.connect() as client:
        await client.call("top", {"n": 2})
    entry = await last_call(info)
    assert (entry["kind"], entry["name"], entry["arguments"]) == ("tool", "top", {"n": 2})
    assert entry["host"] == {"name": "mcp_jupyter", "version": "1"}
    assert entry["principal"] == "a program of yours"
    assert (entry["state"], entry["result"]) == ("done", "ok")
    assert entry["waited"] >= 0
    assert entry["ran"] >= 0
    assert json.loads(entry["answer"]) == [3, 2]
    assert entry["printed"] == "looking at 3"
    assert entry["characters"] >= len(entry["answer"])
    assert entry["tokens"] == -(-entry["characters"] // 4)
    assert entry["cell"] == 2
    assert len(entry["source"]) == 16
    assert entry["code"] == "top(n=2)"


async def test_an_answer_says_what_it_was_made_of(kernel):
    """In the `_meta` of the result: variables are those that the function, or a helper, reads."""
    async with kernel.connect() as client:
        said = (await client.call("top"))["_meta"]["mcp-jupyter/provenance"]
    assert said["notebook"] == "work/Journal.ipynb"
    assert said["cell"] == 2
    assert set(said["variables"]) == {"sales"}
    assert said["kernelStarted"].startswith("20")


async def test_the_journal_tells_which_answers_would_be_different_now(kernel, info):
    async with kernel.connect() as client:
        await client.call("top")
        assert (await last_call(info))["changed"] == []
        await kernel.arun("sales.append(9)")
        assert (await last_call(info))["changed"] == ["sales"]
        assert "sales changed after this answer" in (await kernel.arun("%mcp_calls --last 1")).text
        await kernel.arun("other = 2")
        await client.call("top")
        assert (await last_call(info))["changed"] == []


async def test_secrets_among_the_arguments_are_not_kept(kernel, info):
    """By the rules of cassettes: a parameter's name tells."""
    async with kernel.connect() as client:
        await client.call("login", {"user": "ann", "password": "correct horse 17"})
    entry = await last_call(info)
    assert entry["arguments"]["user"] == "ann"
    assert "correct horse" not in json.dumps(entry)


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("top", {}, "top()"),
        ("top", {"n": 1, "region": "a\"'\n"}, "top(n=1, region='a\"\\'\\n')"),
        ("later", {"x": 1.5}, "await later(x=1.5)"),
        (
            "typed",
            {"day": "2026-01-02", "colour": "red", "where": {"name": "west"}},
            "from datetime import date\n"
            "typed(day=date(2026, 1, 2), colour=Colour.RED, where=Region(name='west'))",
        ),
    ],
)
async def test_a_call_is_the_code_that_repeats_it(kernel, info, name, arguments, code):
    async with kernel.connect() as client:
        answer = await client.call(name, arguments)
        entry = await last_call(info)
        assert entry["code"] == code
        ran = await kernel.arun(code)
    assert not ran.error
    assert ran.result is not None
    assert not answer.get("isError")


async def test_failures_can_be_listed_alone(kernel, info):
    async with kernel.connect() as client:
        await client.call("fails")
        await client.call("top", {"n": "many"})
        await client.call("top")
    failed = (await ask_owner(info, "calls/list", {"failed": True}))["calls"]
    assert [entry["name"] for entry in failed[-2:]] == ["fails", "top"]
    assert "ZeroDivisionError" in failed[-2]["answer"]
    shown = (await kernel.arun("%mcp_calls --failed --last 2")).text
    assert "fails" in shown
    assert "n=many" in shown
    assert shown.index("n=many") < shown.index("fails")  # the newest first


async def test_reads_and_prompts_are_in_the_journal_too(kernel, info):
    kernel_text = await kernel.arun("%%mcp_prompt ask\nHow many {what}?")
    assert not kernel_text.error
    async with kernel.connect() as client:
        await client.ask("resources/read", {"uri": "notebook://variables/sales"})
        read = await last_call(info)
        await client.ask("resources/read", {"uri": "notebook://status"})
        await client.ask("prompts/get", {"name": "ask", "arguments": {"what": "rows"}})
        prompt = await last_call(info)
    assert (read["kind"], read["name"], read["code"]) == ("resource", "notebook://variables/sales", "sales")
    assert set(read["variables"]) == {"sales"}
    assert (prompt["kind"], prompt["name"], prompt["arguments"]) == ("prompt", "ask", {"what": "rows"})
    assert prompt["id"] == read["id"] + 1  # a read of the status is no call


async def test_a_running_call_is_seen_and_can_be_stopped(kernel, info):
    async with kernel.connect() as client, anyio.create_task_group() as tasks:
        answers = []

        async def call():
            answers.append(await client.call("sleeps"))

        async with observed(info) as steps:
            tasks.start_soon(call)
            while (await steps.receive())["what"] != "running":
                pass
            entry = await last_call(info)
            assert (entry["state"], entry["result"]) == ("running", None)
            assert (await ask_owner(info, "calls/stop", {"id": entry["id"]}))["stopped"]
            while (await steps.receive())["what"] != "done":
                pass
    assert answers[0]["isError"]
    assert answers[0]["content"][0]["text"] == "sleeps was stopped by the user of the notebook."
    assert not (await ask_owner(info, "calls/stop", {"id": entry["id"]}))["stopped"]


async def test_paused_calls_are_refused(kernel, info):
    async with kernel.connect() as client:
        await ask_owner(info, "notebook/pause", {"paused": True})
        try:
            refused = await client.call("top")
            assert (await ask_owner(info, "notebook/describe", {}))["paused"]
        finally:
            await ask_owner(info, "notebook/pause", {"paused": False})
        taken = await client.call("top")
    assert refused["content"][0]["text"] == (
        "top did not run: the user of the notebook has paused all calls."
    )
    assert not taken.get("isError")


async def test_the_notebook_is_described(kernel, info):
    async with kernel.connect() as client:
        await client.call("top")
        said = await ask_owner(info, "notebook/describe", {})
    tools = {tool["name"]: tool for tool in said["items"]["tools"]}
    assert tools["top"]["cell"] == 2
    assert tools["top"]["calls"] > 0
    assert tools["top"]["asks"] == "never"
    assert "notebook://variables/sales" in [each["uri"] for each in said["items"]["resources"]]
    (client,) = said["clients"]
    assert client["principals"] == ["a program of yours"]
    assert client["lastCall"]


async def test_a_client_cannot_ask_what_an_owner_can(kernel, info):
    """No method of the owner's link exists for MCP clients (12: observers)."""
    async with kernel.connect() as client:
        for method in ("observe", "calls/list", "calls/stop", "notebook/pause", "notebook/describe"):
            with pytest.raises(McpError, match="Unknown method"):
                await client.ask(method, {"id": 1, "paused": True})
    async with owner_link(info) as owner:
        with pytest.raises(McpError, match="Unknown method 'tools/call' on this link"):
            await owner.request("tools/call", {"name": "top"}, timeout=5)


async def test_a_wrong_key_opens_no_owners_link(info):
    with pytest.raises(Exception, match="did not answer"):
        await ask_owner(replace(info, key="0" * 64), "calls/list", {})


async def test_the_journal_is_written_to_a_private_file(kernel, info, tmp_path):
    file = Path(tmp_path) / "calls.jsonl"
    assert not (await kernel.arun(f"%mcp_serve --journal {file}")).error
    async with kernel.connect() as client:
        await client.call("login", {"user": "ann", "password": "correct horse 17"})
        await client.call("fails")
    lines: list[dict] = []
    with anyio.fail_after(10):
        while len(lines) < 2:
            await anyio.sleep(0.02)
            lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["name"] for line in lines] == ["login", "fails"]
    assert "correct horse" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    assert "open to other users" in (await kernel.arun(f"%mcp_serve --journal {file}")).error


async def test_clients_read_the_journal_if_the_user_lets_them(kernel):
    async with kernel.connect() as client:
        with pytest.raises(McpError):
            await client.ask("resources/read", {"uri": "notebook://calls"})
        await kernel.arun("%mcp_serve --inspect")
        try:
            await client.call("top")
            (said,) = (await client.ask("resources/read", {"uri": "notebook://calls"}))["contents"]
        finally:
            await kernel.arun("%mcp_remove notebook://calls notebook://cells notebook://variables")
    assert "top" in {call["name"] for call in json.loads(said["text"])["calls"]}


@asynccontextmanager
async def observed(info):
    """The steps of calls, as an owner's link tells them."""
    send, receive = anyio.create_memory_object_stream(100)

    def heard(notification):
        if notification.method == "call":
            send.send_nowait(notification.params)
        else:
            began.set()

    began = anyio.Event()
    async with owner_link(info, heard) as owner, anyio.create_task_group() as tasks:
        tasks.start_soon(owner.request, "observe", {})
        with anyio.fail_after(10):
            await began.wait()
            yield receive
        tasks.cancel_scope.cancel()
    send.close()
    receive.close()


class Answers:
    """A client's part that accepts each form, with a secret in it."""

    async def request(self, call):
        return {"action": "accept", "content": {"region": "west", "password": "correct horse 17"}}

    def notification(self, notification):
        pass


ASKS = """%%mcp_tool
from mcp_jupyter.server.fastmcp import Context
async def asks(ctx: Context) -> str:
    form = {"type": "object", "properties": {"region": {"type": "string"}, "password": {"type": "string"}}}
    return (await ctx.elicit("Which region?", form)).action
"""


@pytest.mark.parametrize("can_answer", [True, False])
async def test_what_a_function_asks_is_in_the_journal_with_the_answer(kernel, info, can_answer):
    assert not (await kernel.arun(ASKS)).error
    async with kernel.connect(initialize=False, handler=Answers()) as client:
        who = {"name": "mcp_jupyter", "version": "1"}
        declared = {"elicitation": {}} if can_answer else {}
        await client.ask(
            "initialize", {"protocolVersion": "2025-11-25", "capabilities": declared, "clientInfo": who}
        )
        result = await client.call("asks")
    calls = (await ask_owner(info, "calls/list", {"last": 2}))["calls"]
    question = next(each for each in calls if each["kind"] == "question")
    assert question["name"] == "asks"
    assert question["arguments"]["message"] == "Which region?"
    assert (question["result"], bool(result.get("isError"))) == (
        ("ok", False) if can_answer else ("error", True)
    )
    assert ("west" in question["answer"]) is can_answer
    assert "correct horse" not in json.dumps(calls)
    assert next(each for each in calls if each["kind"] == "tool")["code"] is None  # it takes a Context
