# SPDX-License-Identifier: BSD-3-Clause
"""Tools in executors of the standard library: where they run, what reaches the caller, what fails and how."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from pydantic import BaseModel

from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.executors import ExecutorCall
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.worker import RemoteContext, mailbox

from .fastmcp.speaker import both_eras, speaking

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["fork", "spawn", "forkserver"])
def processes(request: pytest.FixtureRequest) -> Iterator[Executor]:
    context = multiprocessing.get_context(request.param)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        yield pool


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture(params=["threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "threads":
        found: Executor = request.getfixturevalue("threads")
        return found
    with_fork: Executor = request.getfixturevalue("forked")
    return with_fork


@pytest.fixture(scope="module")
def forked() -> Iterator[Executor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        yield pool


# What a notebook defines is in no module that a worker could import: functions made here by `exec` are alike.
def defined(source: str, **names: Any) -> dict[str, Any]:
    import __main__

    space = vars(__main__)
    space.update(names)
    exec(source, space)  # noqa: S102
    return space


def where() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


class Point(BaseModel):
    x: int
    y: int = 0


def moved(point: Point, by: int = 1) -> Point:
    return Point(x=point.x + by, y=point.y)


def counted(n: int) -> Iterator[int]:
    yield from range(n)


def fails() -> None:
    raise LookupError("by hand")


class Awkward(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def fails_awkwardly() -> None:
    raise Awkward("one", "two")


def talks(ctx: Context) -> str:
    for number in range(100):
        ctx.report_progress(number + 1, 100, f"step {number}")
    ctx.info("text")
    ctx.warning({"rows": 3}, logger_name="mine")
    return "said"


async def in_executor(executor: Any, function: Any, /, timeout: float | None = None, **arguments: Any) -> Any:
    with anyio.fail_after(20):
        return await ExecutorCall("f", function, executor, timeout=timeout)(**arguments)


# -- where it runs, and what comes back ------------------------------------------------------------------


async def test_a_thread_pool_runs_it_in_this_process(threads):
    pid, thread = await in_executor(threads, where)
    assert pid == os.getpid()
    assert thread != threading.get_ident()


async def test_a_process_pool_runs_it_in_another(processes):
    assert (await in_executor(processes, where))[0] != os.getpid()


async def test_models_go_there_and_come_back(processes):
    mcp = FastMCP()
    mcp.add_tool(moved, executor=processes)
    async with speaking(mcp) as client:
        result = await client.call("moved", point={"x": 4}, by=2)
    assert result["structuredContent"] == {"x": 6, "y": 0}


async def test_functions_and_classes_of_a_notebook_go_along(processes):
    space = defined("class Local:\n    x = 5\ndef made(n): return [Local() for _ in range(n)]")
    values = await in_executor(processes, space["made"], n=3)
    assert [value.x for value in values] == [5, 5, 5]
    assert type(values[0]) is space["Local"]


async def test_what_it_yields_becomes_a_list(executor):
    assert await in_executor(executor, counted, n=3) == [0, 1, 2]


async def test_what_it_raises_is_raised(executor):
    with pytest.raises(LookupError, match="by hand"):
        await in_executor(executor, fails)


async def test_an_exception_that_cannot_travel_leaves_the_pool_whole(forked):
    # As its text; or itself, where a library (tblib, with Dask) has taught pickle better.
    with pytest.raises((ToolError, Awkward), match="one and two"):
        await in_executor(forked, fails_awkwardly)
    assert await in_executor(forked, moved, point=Point(x=1)) == Point(x=2)


async def test_several_run_beside_each_other():
    meeting = threading.Barrier(2, timeout=10)
    with ThreadPoolExecutor(2) as pool:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_executor, pool, meeting.wait)
            tasks.start_soon(in_executor, pool, meeting.wait)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_too(executor):
    assert await in_executor(executor, counted, n=2) == [0, 1]


# -- found when called -----------------------------------------------------------------------------------


async def test_executor_and_function_are_looked_up_when_called(threads):
    space = defined("def current(): return 'first'")
    call = ExecutorCall("current", space["current"], "later_pool")
    with pytest.raises(ToolError, match="runs in the executor 'later_pool', which is not defined"):
        await call()
    defined("", later_pool=threads)
    assert await call() == "first"
    defined("def current(): return 'second'")
    assert await call() == "second"
    defined("", later_pool=[1])
    with pytest.raises(ToolError, match="'later_pool', and that is a list: it needs"):
        await call()


def test_what_no_call_could_do_is_refused_at_once(threads):
    mcp = FastMCP()

    async def later() -> None: ...

    with pytest.raises(ValueError, match="later: an executor runs plain functions"):
        mcp.add_tool(later, executor=threads)
    with pytest.raises(ValueError, match="fails: executor must be one, or the name of one, not a int"):
        mcp.add_tool(fails, executor=5)
    with pytest.raises(ValueError, match="named: executor must be one, or the name of one, not a type"):
        mcp.add_tool(Plain().submit, "named", executor=Plain)
    with pytest.raises(ValueError, match="size: give the executor itself, not its name 'pool'"):
        mcp.add_tool(Callable(), "size", executor="pool")


class Silent:
    def submit(self, function: Any) -> None: ...


class Callable:
    def __call__(self, n: int) -> int:
        return n


class Plain:
    """Has `submit`, and is no `Executor`."""

    def submit(self, function: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function())
        return future


async def test_whatever_submits_will_do():
    assert await in_executor(Plain(), counted, n=1) == [0]
    with pytest.raises(ToolError, match="The executor Silent does not take the call of f"):
        await in_executor(Silent(), fails)


# -- what it says ----------------------------------------------------------------------------------------


def logged(client: Any) -> list[Any]:
    said = [each.params for each in client.heard if each.method == "notifications/message"]
    return [(each["level"], each["data"], each.get("logger")) for each in said]


@both_eras
async def test_progress_and_logs_reach_the_caller_from_another_process(era, processes):
    mcp = FastMCP()
    mcp.add_tool(talks, executor=processes)
    progress: list[Any] = []

    async def keep(*said: Any) -> None:
        progress.append(said)

    async with speaking(mcp, era) as client:
        result = await client.ask("tools/call", keep, name="talks", arguments={})
        assert result["content"][0]["text"] == "said"
        assert logged(client) == [("info", "text", None), ("warning", {"rows": 3}, "mine")]
    assert progress == [(number + 1, 100, f"step {number}") for number in range(100)]


async def test_progress_and_logs_reach_the_caller_from_a_thread(threads):
    mcp = FastMCP()
    mcp.add_tool(talks, executor=threads)
    async with speaking(mcp) as client:
        assert await client.text("talks") == "said"
        assert logged(client) == [("info", "text", None), ("warning", {"rows": 3}, "mine")]


def asks(ctx: Context) -> Any:
    return ctx.elicit("?", {})


async def test_what_only_the_notebook_can_do_is_refused_with_words(forked):
    mcp = FastMCP()
    mcp.add_tool(asks, executor=forked)
    async with speaking(mcp) as client:
        assert "ctx.elicit is not there in an executor's process" in await client.error("asks")


def test_a_machine_out_of_reach_is_an_error_at_the_first_word(tmp_path):
    far = RemoteContext(str(tmp_path / "nothing"), "key", "the-notebooks-host")
    for _ in range(2):
        with pytest.raises(ToolError, match="cannot reach the notebook on the-notebooks-host from"):
            far.info("hello")


class Heard:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def log(self, level: str, message: Any, *, logger_name: str | None = None) -> None:
        self.said.append((level, message))

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        self.said.append(progress)


def _answer(address: str, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(address)
        try:
            sock.sendall(line)
            return sock.recv(10)
        except ConnectionError:
            return b""


async def test_only_the_key_opens_a_mailbox_and_it_goes_with_the_call():
    heard = Heard()
    async with mailbox(heard) as box:
        _, (address, key, host) = box.stand_in.__reduce__()
        assert Path(address).stat().st_mode & 0o777 == 0o600
        for wrong in (b"wrong\n", b"\n", b"x" * 100_000 + b"\n", b'["log","info","x",null]\n'):
            assert await anyio.to_thread.run_sync(_answer, address, wrong) == b""
        await anyio.to_thread.run_sync(box.stand_in.info, "heard")
        await anyio.to_thread.run_sync(box.stand_in.report_progress, 2)
        box.stand_in.close()
        await box.drained()
    assert heard.said == [("info", "heard"), 2]
    assert not Path(address).parent.exists()
    late = RemoteContext(address, key, host)
    with pytest.raises(ToolError, match="cannot reach"):
        late.info("late")


async def test_without_unix_sockets_a_mailbox_listens_on_the_loopback(monkeypatch):
    async def missing(*_: Any, **__: Any) -> None:
        raise OSError

    monkeypatch.setattr(anyio, "create_unix_listener", missing)
    heard = Heard()
    async with mailbox(heard) as box:
        _, ((host, port), _, _) = box.stand_in.__reduce__()
        assert (host, port > 0) == ("127.0.0.1", True)
        await anyio.to_thread.run_sync(box.stand_in.info, "heard")
        box.stand_in.close()
        await box.drained()
    assert heard.said == [("info", "heard")]


async def test_who_speaks_on_after_the_call_is_not_heard_and_not_harmed():
    async with mailbox(Heard()) as box:
        await anyio.to_thread.run_sync(box.stand_in.info, "heard")
    for _ in range(3):
        box.stand_in.info("into the void")


async def test_nonsense_in_a_mailbox_is_passed_over():
    heard = Heard()
    async with mailbox(heard) as box:
        for said in (["log", 5, "x", None], ["log", "info"], {}, ["progress", "1", None, None], ["exit"]):
            await anyio.to_thread.run_sync(box.stand_in._say, *said)
        await anyio.to_thread.run_sync(box.stand_in.info, "sense")
        box.stand_in.close()
        await box.drained()
    assert heard.said == [("info", "sense")]


# -- when it is given up ---------------------------------------------------------------------------------


@asynccontextmanager
async def held(pool: Executor) -> AsyncIterator[threading.Event]:
    """A pool of one thread that is busy until the event is set."""
    begun, release = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        release.wait(20)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(in_executor, pool, hold)
        await anyio.to_thread.run_sync(begun.wait, 10)
        try:
            yield release
        finally:
            release.set()


async def test_a_call_that_waits_in_the_pool_is_cancelled_there(threads):
    ran: list[str] = []
    async with held(threads):
        with pytest.raises(ToolError, match=r"within 0\.05 s; it is not running and will not run\."):
            await in_executor(threads, lambda: ran.append("late"), timeout=0.05)
        with anyio.move_on_after(0.05) as scope:
            await in_executor(threads, lambda: ran.append("cancelled"))
        assert scope.cancelled_caught
    assert await in_executor(threads, lambda: list(ran)) == []


async def test_of_what_has_begun_the_message_says_that_it_may_go_on(threads):
    release = threading.Event()
    try:
        with pytest.raises(ToolError, match="cannot stop it: it may still be running"):
            await in_executor(threads, release.wait, timeout=0.05)
    finally:
        release.set()


# -- when an executor fails ------------------------------------------------------------------------------


async def test_a_worker_that_dies_is_said_and_a_new_pool_works():
    space = defined("import os\ndef dies(): os._exit(3)\ndef lives(): return 1")
    for _ in range(2):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
            defined("", mortal=pool)
            lives = ExecutorCall("lives", space["lives"], "mortal")
            assert await lives() == 1
            for name in ("dies", "lives"):
                with pytest.raises(ToolError, match=r"executor 'mortal' ended .*broken for good: make a new"):
                    await ExecutorCall(name, space[name], "mortal")()


async def test_a_pool_that_was_shut_down_is_said():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(ToolError, match=r"does not take the call of f .*after shutdown"):
        await in_executor(pool, fails)


async def test_a_pool_that_drops_the_call_is_said(threads):
    async with held(threads) as release:
        waiting = threads._work_queue

        async def dropped() -> None:
            with pytest.raises(ToolError, match="f was cancelled in the executor ThreadPoolExecutor"):
                await in_executor(threads, where)
            release.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(dropped)
            with anyio.fail_after(10):
                while waiting.empty():
                    await anyio.lowlevel.checkpoint()
            threads.shutdown(wait=False, cancel_futures=True)


async def test_what_cannot_be_pickled_is_said(processes):
    space = defined("import threading\nlock = threading.Lock()\ndef locked(): return lock.locked()")
    with pytest.raises(ToolError, match=r"f cannot be sent to the executor ProcessPoolExecutor .*pickle"):
        await in_executor(processes, space["locked"])
    with pytest.raises(ToolError, match="f returned a lock that cannot be sent back"):
        await in_executor(processes, threading.Lock)
    assert await in_executor(processes, counted, n=1) == [0]


async def test_without_cloudpickle_a_worker_says_what_it_misses(processes, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cloudpickle", None)
    space = defined("def only_here(): return 1")
    with pytest.raises(ToolError, match=r"f cannot be unpacked where its executor runs .*cloudpickle"):
        await in_executor(processes, space["only_here"])
    assert await in_executor(processes, counted, n=1) == [0]
