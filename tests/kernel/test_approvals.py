# SPDX-License-Identifier: BSD-3-Clause
"""Calls that wait for the user's approval, in a real kernel (T36, T38)."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager

import anyio
import pytest

from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.owner_link import ask_owner
from mcp_jupyter.ipc.questions import APPROVALS

from .live import live_kernel

pytestmark = pytest.mark.anyio

DELETE = """%%mcp_tool --destructive --preview _would
def _would(region): return f"would remove {sales.count(region)} of {len(sales)}"
def delete_region(region: str, why: str = "") -> str:
    "Delete the sales of a region."
    while region in sales: sales.remove(region)
    return f"{len(sales)} left"
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/Approved.ipynb") as kernel:
        assert not kernel.run("%load_ext mcp_jupyter\nsales = ['west', 'west', 'east']").error
        assert not kernel.run("def _would(region): return ''").error
        yield kernel


@pytest.fixture(autouse=True)
def fresh(kernel):
    """The cell runs again, so nothing stands from the test before."""
    assert not kernel.run("sales = ['west', 'west', 'east']").error
    assert not kernel.run(DELETE).error
    assert not kernel.run("%%mcp_tool --ask once\ndef peek() -> int: return 1").error
    assert not kernel.run("%%mcp_tool\ndef plain() -> int: return 2").error
    assert not kernel.run("%%mcp_tool --ask never --open-world\ndef post() -> int: return 3").error


async def asked(kernel, number=1):
    """The questions that wait, once there are as many as said."""
    with anyio.fail_after(10):
        while len(waiting := APPROVALS.waiting(kernel.runtime_dir)) < number:
            await anyio.sleep(0.02)
    return waiting


async def decide(kernel, decision, reason="", **changed):
    (question,) = await asked(kernel)
    said = json.loads(question.data)
    answer = {"decision": decision, "reason": reason, "digest": said["digest"], **changed}
    assert APPROVALS.answer(question.id, json.dumps(answer).encode(), kernel.runtime_dir)
    return said


@asynccontextmanager
async def called(client, name, arguments=None):
    """A call that runs in the background; its result is appended to the list."""
    results = []

    async def call():
        results.append(await client.call(name, arguments))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        yield results


def text(results):
    return results[0]["content"][0]["text"]


async def test_a_destructive_tool_runs_when_the_user_allows_it(kernel):
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "west"}) as results:
            said = await decide(kernel, "once")
        assert text(results) == "1 left"
    assert (said["tool"], said["notebook"], said["host"]) == ("delete_region", "Approved", "mcp_jupyter")
    assert said["principal"] == "a program of yours"
    assert said["arguments"] == {"region": "west"}
    assert said["hints"] == {"destructiveHint": True}
    assert said["preview"] == "would remove 2 of 3"
    assert APPROVALS.waiting(kernel.runtime_dir) == []


async def test_a_denial_and_its_reason_reach_the_model(kernel):
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "west"}) as results:
            await decide(kernel, "deny", "Ask for east\x1b[2J instead.")
        assert results[0]["isError"]
        assert text(results) == ("delete_region was not called. The user denied it: Ask for east instead.")
    assert (await kernel.arun("print(len(sales))")).printed == "3\n"


async def test_arguments_are_shown_in_full_and_what_is_hidden_becomes_visible(kernel):
    """Also what differs from the last allowed call."""
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "east", "why": "x" * 5000}):
            first = await decide(kernel, "once")
        async with called(client, "delete_region", {"region": "we\u202est\u200b"}):
            second = await decide(kernel, "deny")
    assert first["arguments"]["why"] == "x" * 5000
    assert first["before"] != first["arguments"]
    assert second["arguments"] == {"region": "we⟨U+202E⟩st⟨U+200B⟩"}
    assert second["before"]["region"] == "east"


async def test_a_tool_can_be_allowed_for_a_host_until_its_cell_is_run_again(kernel):
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "west"}):
            await decide(kernel, "until_changed")
        assert (await client.call("delete_region", {"region": "east"}))["content"][0]["text"] == "0 left"
        assert not (await kernel.arun(DELETE)).error  # the same code
        async with called(client, "delete_region", {"region": "x"}) as results:
            await decide(kernel, "deny")
        assert results[0]["isError"]


async def test_a_decision_is_void_when_the_tool_is_changed_meanwhile(kernel):
    """T38: approve, then redefine the tool."""
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "west"}) as results:
            await asked(kernel)
            assert not (await kernel.arun(DELETE.replace("'{len", "'all {len"))).error
            await decide(kernel, "once")
        assert results[0]["isError"]
        assert "Its cell was run again while the user decided" in text(results)
    assert (await kernel.arun("print(len(sales))")).printed == "3\n"


async def test_a_decision_for_other_arguments_is_void(kernel):
    """T38: the digest binds the arguments, the session, the tool and its code."""
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "east"}):
            other = (await decide(kernel, "deny"))["digest"]
        async with called(client, "delete_region", {"region": "west"}) as results:
            await decide(kernel, "once", digest=other)
        assert results[0]["isError"]


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"decision": "yes"}', b"\xff", b'{"decision": ["once"]}'])
async def test_an_answer_that_is_none_denies(kernel, answer):
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "west"}) as results:
            (question,) = await asked(kernel)
            assert APPROVALS.answer(question.id, answer, kernel.runtime_dir)
            assert not APPROVALS.answer(question.id, answer, kernel.runtime_dir)  # it is taken once
        assert results[0]["isError"]


async def test_without_an_answer_in_time_the_call_is_denied(kernel):
    within = (
        "import mcp_jupyter.kernel.approvals as _a\n_before, _a.APPROVAL_SECONDS = _a.APPROVAL_SECONDS, {}"
    )
    await kernel.arun(within.format(0.5))
    try:
        async with kernel.connect() as client:
            late = await client.call("delete_region", {"region": "west"})
    finally:
        await kernel.arun(within.format("_before"))
    assert late["content"][0]["text"] == (
        "delete_region was not called. The user did not answer within 0 s, which counts as no."
    )
    assert APPROVALS.waiting(kernel.runtime_dir) == []


async def test_a_question_ends_with_its_call(kernel):
    async with kernel.connect() as client:
        with anyio.move_on_after(1) as scope:
            async with called(client, "delete_region", {"region": "west"}):
                await asked(kernel)
                scope.cancel()
    with anyio.fail_after(10):
        while APPROVALS.waiting(kernel.runtime_dir):
            await anyio.sleep(0.02)


async def test_while_a_call_waits_for_approval_others_run(kernel):
    """It takes no slot of the runner, and says what it waits for."""
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "west"}):
            await asked(kernel)
            assert (await client.call("plain"))["structuredContent"] == {"result": 2}
            info = await Discovery(kernel.runtime_dir).find("Approved")
            assert (await ask_owner(info, "notebook/describe", {}))["approvals"] == 1
            calls = (await ask_owner(info, "calls/list", {}))["calls"]
            assert [each["state"] for each in calls if each["name"] == "delete_region"][-1] == "asking"
            assert "waits for your approval" in (await kernel.arun("%mcp_calls")).text
            await decide(kernel, "deny")
        failed = (await ask_owner(info, "calls/list", {"failed": True}))["calls"]
        assert (failed[-1]["name"], failed[-1]["result"]) == ("delete_region", "denied")


async def test_the_user_can_stop_a_call_that_waits_for_approval(kernel):
    info = await Discovery(kernel.runtime_dir).find("Approved")
    async with kernel.connect() as client:
        async with called(client, "delete_region", {"region": "west"}) as results:
            await asked(kernel)
            entry = (await ask_owner(info, "calls/list", {"last": 1}))["calls"][0]
            assert (await ask_owner(info, "calls/stop", {"id": entry["id"]}))["stopped"]
        assert "was stopped by the user" in text(results)


async def test_once_asks_at_the_first_call_of_a_host(kernel):
    async with kernel.connect() as client:
        async with called(client, "peek") as results:
            await decide(kernel, "once")
        assert text(results) == "1"
        assert (await client.call("peek"))["structuredContent"] == {"result": 1}


async def test_the_floor_wins_over_ask_never(kernel):
    """Open-world tools are asked for whatever their cell says; clients hear which tools always ask."""
    async with kernel.connect() as client:
        async with called(client, "post") as results:
            await decide(kernel, "deny")
        assert results[0]["isError"]
        tools = {tool["name"]: tool.get("_meta", {}) for tool in (await client.ask("tools/list"))["tools"]}
    key = "anthropic/requiresUserInteraction"
    assert [name for name, meta in tools.items() if meta.get(key)] == ["delete_region", "post"]


async def test_a_principal_has_eight_open_questions_at_most(kernel):
    async with kernel.connect() as client, anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(client.call, "delete_region", {"region": f"r{number}"})
        waiting = await asked(kernel, 8)
        refused = await client.call("delete_region", {"region": "one more"})
        assert "Too many calls wait for the user's approval" in refused["content"][0]["text"]
        for question in waiting:
            APPROVALS.answer(question.id, b'{"decision": "deny"}', kernel.runtime_dir)


async def test_use_tool_asks_for_the_inner_tool(kernel):
    assert not (await kernel.arun("%mcp_serve --constant-tools yes")).error
    try:
        async with kernel.connect() as client:
            inner = {"name": "delete_region", "arguments": {"region": "west"}}
            async with called(client, "use_tool", inner) as results:
                said = await decide(kernel, "deny")
            assert said["tool"] == "delete_region"
            assert results[0]["isError"]
    finally:
        await kernel.arun("%mcp_serve --constant-tools auto")


@pytest.mark.parametrize("preview", ["def _would(region): 1 / 0", "def _would(region): raise SystemExit"])
async def test_a_preview_that_fails_says_so(kernel, preview):
    changed = DELETE.replace('def _would(region): return f"would remove', f"{preview}\n#")
    assert not (await kernel.arun(changed)).error
    async with kernel.connect() as client, called(client, "delete_region", {"region": "west"}):
        said = await decide(kernel, "deny")
    assert said["preview"].startswith("The preview failed: ")


def test_a_preview_must_take_the_tools_parameters(kernel):
    assert not kernel.run("def _other(other): return 1").error
    cell = "%%mcp_tool --ask --preview {}\ndef f(x: int): return x"
    assert "'other', which is not a parameter of the tool" in kernel.run(cell.format("_other")).error
    assert "Unknown function for --preview 'nothing'" in kernel.run(cell.format("nothing")).error


@pytest.mark.parametrize(("host", "most"), [("mcp_jupyter", 120), ("continue-cli-client", 55)])
async def test_the_question_ends_before_the_host_gives_the_call_up(kernel, host, most):
    """Five seconds before the limit of the host, and after two minutes at the latest."""
    async with kernel.connect(initialize=False) as client:
        await client.handshake(name=host)
        async with called(client, "delete_region", {"region": "west"}):
            (question,) = await asked(kernel)
            assert most - 20 < question.ends - time.time() <= most
            await decide(kernel, "deny")
