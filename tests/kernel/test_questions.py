# SPDX-License-Identifier: BSD-3-Clause
"""What a tool asks appears in the notebook and is answered there: a real kernel, a front end's messages."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import nbformat
import pytest

from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.headless.run import run_notebook
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.discovery import Discovery
from tests.server.asking import Asked, Silent

from .live import LiveKernel, in_thread, live_kernel
from .test_magics import tool

pytestmark = pytest.mark.anyio

BOUND = 30
WIDGET = "application/vnd.jupyter.widget-view+json"
DROP = """
from typing import Literal
from pydantic import BaseModel
from mcp_jupyter.server.fastmcp import Context

class Choice(BaseModel):
    region: str
    sure: bool = False

async def drop(ctx: Context) -> str:
    answer = await ctx.elicit("Which region is to go?", Choice)
    return f"{answer.action}: {answer.data}"

async def write(ctx: Context) -> str:
    return (await ctx.sample("Name a colour.")).content.text
"""


class Page:
    """A front end with a user: cells may ask for input, late outputs are seen, widgets can be used."""

    def __init__(self, kernel: LiveKernel) -> None:
        self._kernel = kernel
        self._client = kernel.client
        self.shown: list[tuple[str, Mapping[str, Any]]] = []
        self._models: dict[str, dict[str, Any]] = {}
        self.begun: set[str] = set()
        self.ended: set[str] = set()

    def run(self, source: str, cell: str | None = None) -> str:
        """Run a cell to its end; the id of its request."""
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": True}
        message = self._client.session.msg("execute_request", content, metadata={"cellId": cell})
        self._client.shell_channel.send(message)
        request: str = message["header"]["msg_id"]
        self.until(lambda: request in self.ended)
        return request

    def until(self, fact: Callable[[], Any]) -> Any:
        end = time.monotonic() + BOUND
        while not (found := fact()):
            self._read(max(end - time.monotonic(), 0.001))
        return found

    def outputs(self, kind: str, request: str) -> list[Mapping[str, Any]]:
        """The late outputs of a cell: the MIME bundles."""
        return [
            message["content"]["data"]
            for message_kind, message in self.shown
            if message_kind == kind and message["parent_header"].get("msg_id") == request
        ]

    def question(self, request: str) -> Mapping[str, Any]:
        """The question that appears under a cell."""
        return self.until(lambda: self.outputs("display_data", request))[0]

    def end(self, request: str) -> str:
        """How its place says that it ended."""
        return str(self.until(lambda: self.outputs("update_display_data", request))[0]["text/plain"])

    def fill(self, label: str, value: Any) -> None:
        self._send(self._model(label), {"method": "update", "state": {"value": value}, "buffer_paths": []})

    def click(self, label: str) -> None:
        self._send(self._model(label), {"method": "custom", "content": {"event": "click"}})

    def _model(self, label: str) -> str:
        """The newest widget of that label."""
        named = {id_: state.get("description") for id_, state in self._models.items()}
        return next((id_ for id_ in reversed(named) if named[id_] == label), "") or pytest.fail(str(named))

    def _send(self, comm: str, data: dict[str, Any]) -> None:
        content = {"comm_id": comm, "data": data}
        self._client.shell_channel.send(self._client.session.msg("comm_msg", content))

    def _read(self, seconds: float) -> None:
        message = self._client.get_iopub_msg(timeout=seconds)
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open":
            self._models[content["comm_id"]] = content["data"]["state"]
        elif kind == "comm_close":
            self._models.pop(content["comm_id"], None)
        elif kind == "status" and content["execution_state"] == "idle":
            self.ended.add(message["parent_header"].get("msg_id", ""))
        elif kind == "execute_input":
            self.begun.add(message["parent_header"].get("msg_id", ""))
        elif kind in ("display_data", "update_display_data"):
            self.shown.append((kind, message))

    @property
    def open_widgets(self) -> int:
        return len(self._models)


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    with live_kernel(module_jupyter_dirs.runtime, module_jupyter_dirs.environ) as kernel:
        assert not kernel.run("%load_ext mcp_jupyter").error
        kernel.run("from mcp_jupyter.server import client_requests; client_requests.USER_AFTER_SECONDS = 0.2")
        kernel.run(tool(DROP))
        yield kernel


@asynccontextmanager
async def connected(kernel: LiveKernel, client: Asked) -> AsyncIterator[Asked]:
    async with kernel.connect(initialize=False, handler=client) as wire:
        client.connection = wire.connection
        await client.open()
        yield client


async def call(client: Asked, name: str, results: list[str]) -> None:
    params = {"name": name, "arguments": {}}
    result = await client.connection.request("tools/call", params, timeout=BOUND)
    results.append(result["content"][0]["text"])


async def test_a_question_appears_under_the_last_cell_and_its_form_answers_it(kernel):
    """The client's request is cancelled, and the form goes (2: questions)."""
    page, results = Page(kernel), []
    cell = await in_thread(page.run, "1 + 1")
    async with connected(kernel, Silent("legacy", name="claude-code")) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, client, "drop", results)
            question = await in_thread(page.question, cell)
            assert WIDGET in question
            assert question["text/plain"].startswith(
                "drop asks: Which region is to go?\n"
                "Claude Code called it, and was asked too. The first answer counts.\n"
            )
            assert client.questions
            page.fill("region (required)", "north")
            page.click("Accept")
        with anyio.fail_after(BOUND):
            await client.withdrawn.wait()
    assert results == ["accept: region='north' sure=False"]
    assert (await in_thread(page.end, cell)).endswith("You answered.")
    await in_thread(page.until, lambda: page.open_widgets == 0)


async def test_an_answer_elsewhere_takes_the_form_away(kernel):
    """(2: questions)."""
    page, results, seen = Page(kernel), [], anyio.Event()
    cell = await in_thread(page.run, "1 + 1")

    class Late(Silent):
        async def request(self, call: Any) -> Any:
            await seen.wait()
            return {"action": "decline"}

    async with (
        connected(kernel, Late("legacy", name="odd\x1b[31m")) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(call, client, "drop", results)
        assert "odd called it" in (await in_thread(page.question, cell))["text/plain"]
        seen.set()
    assert results == ["decline: None"]
    assert (await in_thread(page.end, cell)).endswith("It was answered in odd.")
    await in_thread(page.until, lambda: page.open_widgets == 0)


async def test_a_question_can_be_answered_in_a_cell(kernel):
    """For front ends without widgets (2: questions)."""
    page, results = Page(kernel), []
    cell = await in_thread(page.run, "from mcp_jupyter import notebook")
    async with connected(kernel, Asked("legacy", {}, {})) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(call, client, "drop", results)
        text = (await in_thread(page.question, cell))["text/plain"]
        assert "test called it, and cannot be asked.\n  region: text\n  sure: true or false, optional" in text
        number = text.partition("notebook.answer(")[2].partition(",")[0]
        wrong = await kernel.arun(f"notebook.answer({number}, {{'sure': True}})")
        assert "region" in wrong.error
        assert f"Open questions: {number}." in (await kernel.arun("notebook.answer(99)")).error
        refused = tool(f"def cheat() -> None: notebook.answer({number}, {{'region': 'south'}})")
        assert not (await kernel.arun(refused)).error
        await call(client, "cheat", results)
        assert "cannot be answered in a call" in results.pop()
        await kernel.arun(f"notebook.answer({number}, {{'region': 'north', 'sure': True}})")
    assert results == ["accept: region='north' sure=True"]


async def test_a_text_that_a_model_would_write_can_be_written_in_the_notebook(kernel):
    """Copilot CLI declares sampling and never answers: it is not asked (2: questions)."""
    page, results = Page(kernel), []
    cell = await in_thread(page.run, "1 + 1")
    async with connected(kernel, Silent("legacy", name="copilot-cli")) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, client, "write", results)
            await in_thread(page.question, cell)
            page.fill("Your answer", "blue")
            page.click("Send")
        assert not client.questions
    assert results == ["blue"]


async def test_a_question_can_be_declined_in_the_notebook(kernel):
    """(2: questions)."""
    page, results = Page(kernel), []
    cell = await in_thread(page.run, "1 + 1")
    async with connected(kernel, Asked("legacy", {}, {})) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(call, client, "drop", results)
        await in_thread(page.question, cell)
        page.click("Decline")
    assert results == ["decline: None"]
    assert (await in_thread(page.end, cell)).endswith("You declined.")


async def test_a_question_outlasts_the_output_of_the_cell_above_it(kernel):
    """A cell that runs again clears its output; another cell leaves it (2: questions)."""
    page, results = Page(kernel), []
    first = await in_thread(page.run, "1 + 1", "a")
    async with connected(kernel, Asked("legacy", {}, {})) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(call, client, "drop", results)
        question = await in_thread(page.question, first)
        other = await in_thread(page.run, "2 + 2", "b")
        again = await in_thread(page.run, "1 + 1", "a")
        assert await in_thread(page.question, again) == question
        assert not page.outputs("display_data", other)
        page.fill("region (required)", "north")
        page.click("Accept")
    assert results == ["accept: region='north' sure=False"]
    assert (await in_thread(page.end, again)).endswith("You answered.")


async def test_a_form_in_a_cell_that_awaits_is_answered_when_the_cell_has_ended(kernel):
    """The kernel hears no widget before (2: questions)."""
    page, results = Page(kernel), []
    await in_thread(page.run, "import asyncio; gate = asyncio.Event()")
    assert not (await kernel.arun(tool("async def release() -> str: gate.set(); return 'released'"))).error
    async with connected(kernel, Asked("legacy", {}, {})) as client, anyio.create_task_group() as tasks:
        cell = kernel.client.execute("await gate.wait()", allow_stdin=True)
        await in_thread(page.until, lambda: cell in page.begun)
        tasks.start_soon(call, client, "drop", results)
        assert WIDGET in await in_thread(page.question, cell)
        page.fill("region (required)", "north")
        page.click("Accept")
        await call(client, "release", results)
    assert sorted(results) == ["accept: region='north' sure=False", "released"]


async def test_without_a_front_end_the_error_says_what_to_do(module_jupyter_dirs, tmp_path):
    """Nobody looks at a notebook that `jupyter mcp run` runs (2: questions)."""
    path = tmp_path / "headless.ipynb"
    cells = [
        nbformat.v4.new_code_cell(tool(DROP.replace("(ctx: Context)", "(ctx: Context, region: str = '')")))
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    client, results = Asked("legacy", {}, {}), []
    async with (
        run_notebook(path, discovery=Discovery(module_jupyter_dirs.runtime)) as notebook,
        anyio.create_task_group() as tasks,
    ):
        client.connection = Connection(await dial(notebook.info), client)
        await tasks.start(client.connection.serve)
        await client.open()
        await call(client, "drop", results)
        client.connection.close()
    assert results[0].startswith("drop needs an answer to 'Which region is to go?' (region: text; sure: ")
    assert results[0].endswith("Call drop again with the argument region.")
