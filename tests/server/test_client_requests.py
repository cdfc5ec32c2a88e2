# SPDX-License-Identifier: BSD-3-Clause
"""Who is asked a question of a call, for how long, and whose answer counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from mcp_jupyter.errors import McpError, MissingCapability
from mcp_jupyter.protocol.eras import TASKS_EXTENSION
from mcp_jupyter.server import client_requests
from mcp_jupyter.server import context as request_context
from mcp_jupyter.server.client_requests import UserQuestion
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.host_profiles import PROFILES

from .asking import ALL, Asked, Silent, asked, both_eras

pytestmark = pytest.mark.anyio

BOUND = 10
FORM = {
    "type": "object",
    "properties": {
        "region": {"type": "string"},
        "sure": {"type": "boolean"},
        "how": {"type": "string", "enum": ["now", "later"]},
    },
    "required": ["region"],
}
NORTH = {"action": "accept", "content": {"region": "north"}}
SOUTH = {"action": "accept", "content": {"region": "south"}}
SAMPLE = {"role": "assistant", "content": {"type": "text", "text": "blue"}, "model": "m"}


class User:
    """The user at a notebook. Without an answer the question stands until it is taken back."""

    def __init__(self, answer: Mapping[str, Any] | None = None, *, is_there: bool = True) -> None:
        self.answer = answer
        self.is_there = is_there
        self.questions: list[UserQuestion] = []
        self.asked = anyio.Event()
        self.taken_back = anyio.Event()

    def ask(self, question: UserQuestion) -> Any:
        if not self.is_there:
            return None
        self.questions.append(question)
        self.asked.set()
        return self._answered()

    async def _answered(self) -> dict[str, Any]:
        if self.answer is not None:
            return dict(self.answer)
        try:
            await anyio.sleep_forever()
        finally:
            self.taken_back.set()
        raise AssertionError


def served(user: User | None = None) -> FastMCP:
    """A server with a tool for each kind of question."""
    mcp = FastMCP(ask_user=None if user is None else user.ask)

    @mcp.tool()
    async def drop(ctx: Context, region: str | None = None) -> str:
        return str((await ctx.elicit("Which region is to go?", FORM, key="which")).data["region"])

    @mcp.tool()
    async def drop_some(ctx: Context) -> str:
        return str((await ctx.elicit("Which region is to go?", FORM)).data["region"])

    @mcp.tool()
    async def visit(ctx: Context) -> str:
        return (await ctx.elicit_url("Sign in.", "https://example.org")).action

    @mcp.tool()
    async def write(ctx: Context) -> str:
        return str((await ctx.sample("Name a colour.")).content.text)

    @mcp.tool()
    async def folders(ctx: Context) -> str:
        return str(await ctx.list_roots())

    return mcp


async def text_of(client: Asked, name: str) -> str:
    """What a call is answered with, be it a result or an error of the request."""
    try:
        return str((await client.round("tools/call", {"name": name}))["content"][0]["text"])
    except McpError as error:
        return error.message


@pytest.fixture
def soon(monkeypatch):
    """The user is asked as soon as the client has been."""
    monkeypatch.setattr(client_requests, "USER_AFTER_SECONDS", 0.05)


# -- the first answer wins ---------------------------------------------------------------------------------


async def test_a_question_that_the_client_does_not_answer_appears_in_the_notebook(soon):
    """The user's answer wins, and the client is told that nobody waits for its own (2: questions)."""
    user, client = User(NORTH), Silent("legacy")
    async with asked(served(user), client):
        assert await text_of(client, "drop") == "north"
        with anyio.fail_after(BOUND):
            await client.withdrawn.wait()
    (question,) = user.questions
    assert (question.asker, question.host, question.client_is_asked) == ("drop", "test", True)
    assert question.params["message"] == "Which region is to go?"


@both_eras
async def test_an_answer_of_the_client_takes_the_question_back_from_the_notebook(era, soon):
    """(2: questions)."""
    user = User()

    class Late(Silent):
        async def request(self, call: Any) -> Any:
            await user.asked.wait()
            return SOUTH

    client = Late(era)
    async with asked(served(user), client):
        result = await client.round("tools/call", {"name": "drop"})
        if era == "modern":
            with anyio.fail_after(BOUND):
                await user.asked.wait()
            given = {"requestState": result["requestState"], "inputResponses": {"which": SOUTH}}
            result = await client.round("tools/call", {"name": "drop", **given})
        assert result["content"][0]["text"] == "south"
        assert user.taken_back.is_set()
    assert user.questions[0].over == "It was answered in test."


@both_eras
async def test_a_client_that_answers_at_once_is_the_only_one_asked(era):
    """(2: questions)."""
    user, client = User(NORTH), Asked(era, {"elicitation/create": SOUTH})
    async with asked(served(user), client):
        assert await client.text("drop") == "south"
    assert not user.questions


async def test_the_outcome_of_an_answer_at_the_notebook_waits_for_the_retry(soon):
    """What the client brings then comes too late (2: questions)."""
    user, client = User(NORTH), Asked("modern", {})
    async with asked(served(user), client):
        first = await client.round("tools/call", {"name": "drop"})
        assert first["inputRequests"].keys() == {"which"}
        with anyio.fail_after(BOUND):
            await user.asked.wait()
        given = {"requestState": first["requestState"], "inputResponses": {"which": SOUTH}}
        await anyio.wait_all_tasks_blocked()
        result = await client.round("tools/call", {"name": "drop", **given})
        assert result["content"][0]["text"] == "north"


async def test_a_task_that_was_answered_in_the_notebook_asks_its_client_no_longer(soon):
    """(2: questions)."""
    tasks = {"extensions": {TASKS_EXTENSION: {}}}
    user, client, gate = User(NORTH), Asked("modern", {}, {**ALL, **tasks}), anyio.Event()
    mcp = FastMCP(ask_user=user.ask)

    @mcp.tool(task=True)
    async def drop(ctx: Context) -> str:
        answer = await ctx.elicit("Which region is to go?", FORM)
        await gate.wait()
        return str(answer.data["region"])

    async def until(status: str) -> dict[str, Any]:
        with anyio.fail_after(BOUND):
            while (task := await client.round("tasks/get", {"taskId": handle["taskId"]}))["status"] != status:
                await anyio.lowlevel.checkpoint()
        return task

    async with asked(mcp, client):
        handle = await client.round("tools/call", {"name": "drop"})
        await until("input_required")
        await until("working")
        gate.set()
        assert (await until("completed"))["result"]["content"][0]["text"] == "north"


@both_eras
async def test_a_cancelled_call_takes_its_question_back(era):
    """(2: questions)."""
    user, client = User(), Asked(era, {}, {})
    async with asked(served(user), client), anyio.create_task_group() as tasks:
        tasks.start_soon(client.round, "tools/call", {"name": "drop"})
        with anyio.fail_after(BOUND):
            await user.asked.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await user.taken_back.wait()


# -- who cannot be asked -----------------------------------------------------------------------------------


@both_eras
@pytest.mark.parametrize(("tool", "answer", "text"), [("drop", NORTH, "north"), ("write", SAMPLE, "blue")])
async def test_where_the_client_cannot_be_asked_the_user_is_at_once(era, tool, answer, text):
    """(2: questions)."""
    user, client = User(answer), Asked(era, {}, {})
    async with asked(served(user), client):
        assert await client.text(tool) == text
    assert not user.questions[0].client_is_asked


@both_eras
async def test_a_host_that_never_answers_is_not_asked(era):
    """Copilot CLI declares sampling (2: questions)."""
    user, client = User(SAMPLE), Silent(era, name="copilot-cli")
    async with asked(served(user), client):
        assert await text_of(client, "write") == "blue"
    assert not client.questions
    assert user.questions[0].host == "Copilot CLI"


@both_eras
async def test_nobody_at_the_notebook_is_asked_for_the_clients_folders(era):
    """(2: questions)."""
    user, client = User({"roots": []}), Asked(era, {}, {})
    async with asked(served(user), client):
        assert "capability roots" in await text_of(client, "folders")
    assert not user.questions


@both_eras
@pytest.mark.parametrize("user", [None, User(is_there=False)])
async def test_where_nobody_can_be_asked_the_error_says_which_argument_to_use(era, user):
    """(2: questions)."""
    client = Asked(era, {}, {})
    async with asked(served(user), client):
        assert await text_of(client, "drop") == (
            "drop needs an answer to 'Which region is to go?' (region: text; sure: true or false, optional; "
            "how: one of now, later, optional), and this client has not declared the capability "
            "elicitation.form. Call drop again with the argument region."
        )


@pytest.mark.parametrize(
    ("tool", "needed", "advice"),
    [
        ("drop_some", "an answer to 'Which region", "Use a tool that takes the answer as an argument"),
        ("write", "a text that a model writes", "Write the text yourself"),
        ("visit", "the user to visit a page ('Sign in.')", "Use another tool"),
        ("folders", "the folders that you work in", "Use a tool that takes a path."),
    ],
)
async def test_the_error_says_what_else_the_caller_can_do(tool, needed, advice):
    """(2: questions)."""
    client, in_notebook = Asked("legacy", {}, {}), "ask the user to open the notebook in JupyterLab"
    async with asked(served(), client):
        text = await text_of(client, tool)
    assert f"{tool} needs {needed}" in text
    assert advice in text
    assert in_notebook not in text
    async with asked(served(User(is_there=False)), client):
        assert (in_notebook in await text_of(client, tool)) is (tool != "folders")


@both_eras
async def test_a_host_that_never_answers_gets_the_tools_error(era):
    """What it declared is right, so its request is (2: questions)."""
    caught: list[MissingCapability] = []
    mcp, client = FastMCP(), Silent(era, name="copilot-cli")

    @mcp.tool()
    async def write(ctx: Context) -> str:
        try:
            return str(await ctx.sample("Name a colour."))
        except MissingCapability as error:
            caught.append(error)
            raise

    async with asked(mcp, client):
        result = await client.round("tools/call", {"name": "write"})
    assert result["isError"]
    assert "Copilot CLI declares the capability sampling but never answers" in result["content"][0]["text"]
    assert caught
    assert not client.questions


# -- how long ----------------------------------------------------------------------------------------------


async def test_a_question_that_nobody_answers_ends(soon, monkeypatch):
    """(2: questions)."""
    monkeypatch.setattr(client_requests, "ANSWER_SECONDS", 0.3)
    user, client = User(), Silent("legacy")
    async with asked(served(user), client):
        text = await text_of(client, "drop")
        assert user.taken_back.is_set()
        with anyio.fail_after(BOUND):
            await client.withdrawn.wait()
    assert "nobody answered within 0 s. Call drop again with the argument region." in text


@pytest.mark.parametrize("tool", ["drop", "visit", "write", "folders"])
async def test_every_question_ends_before_its_host_gives_up_the_call(tool, monkeypatch):
    """Continue ends a silent call after 60 s (2: questions)."""
    assert PROFILES["continue-cli-client"].silent_seconds == 60.0
    monkeypatch.setattr(client_requests, "MARGIN_SECONDS", 59.8)
    client = Silent("legacy", name="continue-cli-client")
    async with asked(served(), client):
        assert "nobody answered within 0 s" in await text_of(client, tool)
        with anyio.fail_after(BOUND):
            await client.withdrawn.wait()


@both_eras
async def test_the_time_before_the_question_counts_too(era, monkeypatch):
    """A host counts from the call's beginning (2: questions)."""
    now = 0.0
    for module in (request_context, client_requests):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    user, client = User(), Asked(era, {}, {}, "@cline/core")
    mcp = FastMCP(ask_user=user.ask)

    @mcp.tool()
    async def drop(ctx: Context) -> None:
        nonlocal now
        now += 54.9
        await ctx.elicit("Which region is to go?", FORM)

    async with asked(mcp, client):
        assert "nobody answered within 0 s" in await text_of(client, "drop")
    assert user.questions
