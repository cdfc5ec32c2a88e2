# SPDX-License-Identifier: BSD-3-Clause
"""`%%mcp_tool --executor` in a real kernel: found by name when called, beside cells, and stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from tests.conftest import JupyterDirs

from .live import LiveKernel, live_kernel

pytestmark = pytest.mark.anyio

POOLS = """
import multiprocessing, os, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
threads = ThreadPoolExecutor(1)
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[LiveKernel]:
    with live_kernel(module_jupyter_dirs.runtime, module_jupyter_dirs.environ) as kernel:
        assert not kernel.run("%load_ext mcp_jupyter").error
        assert not kernel.run(POOLS).error
        yield kernel
        kernel.run("released.set(); pool.shutdown(); threads.shutdown()")


def served(kernel: LiveKernel, source: str, options: str) -> None:
    ran = kernel.run(f"%%mcp_tool {options}\n{source}")
    assert not ran.error, ran.error


def text_of(result: dict[str, Any]) -> str:
    text: str = result["content"][0]["text"]
    return text


async def test_a_process_pool_runs_it_on_the_namespace_as_it_is(kernel):
    kernel.run("rate = 2")
    served(kernel, "def scaled(n: int) -> list[int]: return [n * rate, os.getpid()]", "--executor pool")
    pid = int(kernel.run("os.getpid()").result["text/plain"])
    async with kernel.connect() as client:
        first, worker = (await client.call("scaled", {"n": 4}))["structuredContent"]["result"]
        assert (first, worker != pid) == (8, True)
        await kernel.arun("rate = 3")
        assert (await client.call("scaled", {"n": 4}))["structuredContent"]["result"] == [12, worker]
        await kernel.arun("def scaled(n: int) -> list[int]: return [n, 0]")
        assert (await client.call("scaled", {"n": 4}))["structuredContent"]["result"] == [4, 0]


@pytest.mark.parametrize("name", ["pool", "threads"])
async def test_it_runs_while_a_cell_runs(kernel, name):
    kernel.run("entered, go = threading.Event(), threading.Event()")
    served(kernel, "def beside(): return 'beside'", f"--executor {name}")
    served(kernel, "def let_go():\n    entered.wait(10)\n    go.set()", "--concurrent")
    async with kernel.connect() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(kernel.arun, "entered.set(); ended = go.wait(20)")
        for _ in range(3):
            assert text_of(await client.call("beside")) == "beside"
        await client.call("let_go")
    assert kernel.run("ended").result["text/plain"] == "True"


async def test_frames_figures_and_prints_of_a_call_are_as_ever(kernel):
    served(
        kernel,
        "import pandas as pd\ndef frame() -> pd.DataFrame: return pd.DataFrame({'a': [1, 2]})",
        "--executor pool",
    )
    served(kernel, "def prints(): print('hello'); return 1", "--executor threads --name prints")
    async with kernel.connect() as client:
        assert (await client.call("frame"))["structuredContent"]["rows"] == [[1], [2]]
        assert text_of(await client.call("prints")) == "1"
        assert (await client.hear("notifications/message")).params["data"] == "hello"


async def test_progress_and_logs_come_from_the_pool(kernel):
    served(
        kernel,
        "from mcp_jupyter.server.fastmcp import Context\n"
        "def talks(ctx: Context): ctx.report_progress(1, 2, 'half'); ctx.info('text'); return 'said'",
        "--executor pool",
    )
    progress: list[Any] = []

    async def keep(*said: Any) -> None:
        progress.append(said)

    async with kernel.connect() as client:
        assert text_of(await client.call("talks", on_progress=keep)) == "said"
        assert (await client.hear("notifications/message")).params["data"] == "text"
    assert progress == [(1, 2, "half")]


async def test_a_call_out_of_time_says_whether_it_goes_on(kernel):
    kernel.run("released = threading.Event()")
    served(kernel, "def held(): released.wait(20)", "--executor threads --timeout 0.2")
    async with kernel.connect() as client:
        said = [text_of(await client.call("held")) for _ in range(2)]
    kernel.run("released.set()")
    assert said == [
        "held did not finish within 0.2 s. The executor 'threads' cannot stop it: it may still be running.",
        "held did not finish within 0.2 s; it is not running and will not run.",
    ]


async def test_a_cancelled_call_is_cancelled_in_the_pool(kernel):
    kernel.run("released, ran = threading.Event(), []\nbusy = threads.submit(released.wait, 20)")
    served(kernel, "def waits(): ran.append(1)", "--executor threads")
    async with kernel.connect() as client:
        with anyio.move_on_after(0.2) as scope:
            await client.call("waits")
        assert scope.cancelled_caught
        await client.ask("ping")
    kernel.run(
        "end = time.monotonic() + 10\n"
        "while not all(item.future.cancelled() for item in list(threads._work_queue.queue)):\n"
        "    assert time.monotonic() < end"
    )
    assert kernel.run("released.set(); threads.submit(lambda: list(ran)).result(10)").result == {
        "text/plain": "[]"
    }


async def test_an_executor_is_missed_with_words_and_found_once_it_is_there(kernel):
    served(kernel, "def later(): return 1", "--executor tomorrows")
    async with kernel.connect() as client:
        result = await client.call("later")
        assert result["isError"] is True
        assert text_of(result).startswith(
            "later runs in the executor 'tomorrows', which is not defined. Define it in the notebook"
        )
        await kernel.arun("tomorrows = threads")
        assert text_of(await client.call("later")) == "1"


async def test_a_worker_that_dies_is_said_and_a_new_pool_works(kernel):
    mortal = "mortal = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn'))"
    kernel.run(mortal)
    served(kernel, "def dies(n: int): return n or os._exit(1)", "--executor mortal")
    async with kernel.connect() as client:
        for _ in range(2):
            assert "broken for good: make a new one" in text_of(await client.call("dies", {"n": 0}))
        await kernel.arun(f"mortal.shutdown(); {mortal}")
        assert text_of(await client.call("dies", {"n": 7})) == "7"
    kernel.run("mortal.shutdown()")


async def test_a_decorator_takes_it_too(kernel):
    ran = kernel.run(
        "from mcp_jupyter import notebook\n"
        "@notebook.tool(executor='pool')\ndef decorated(): return os.getpid() != kernel_pid"
        "\nkernel_pid = os.getpid()"
    )
    assert not ran.error
    async with kernel.connect() as client:
        assert text_of(await client.call("decorated")) == "true"


def test_an_async_function_is_refused_in_one_line(kernel):
    ran = kernel.run("%%mcp_tool --executor pool\nasync def later(): ...")
    assert ran.error.startswith("UsageError: %%mcp_tool: later: an executor runs plain functions")
