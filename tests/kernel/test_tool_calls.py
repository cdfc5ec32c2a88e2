# SPDX-License-Identifier: BSD-3-Clause
"""Tools of a real kernel that the notebook changes around, and what their results hold."""

from __future__ import annotations

import os
import re
import time

import anyio
import pytest

from .live import live_kernel
from .test_magics import text_of, tool

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    with live_kernel(module_jupyter_dirs.runtime, module_jupyter_dirs.environ) as kernel:
        assert not kernel.run("%load_ext mcp_jupyter").error
        kernel.run("from mcp_jupyter.ipython_extension import engine_of")
        kernel.run("server = engine_of(get_ipython()).server")
        yield kernel


async def test_a_class_defined_anew_is_what_a_waiting_call_gets(kernel):
    """A cell that defines a model again changes the list, and the calls that wait for it (1.20)."""
    model = "from pydantic import BaseModel\nclass Order(BaseModel):\n    number: int\n"
    kernel.run(model)
    kernel.run(tool("def f(order: Order): return isinstance(order, Order) and repr(order)"))
    kernel.run("import threading; begun, go_on = threading.Event(), threading.Event()")
    kernel.run(tool("def release(): go_on.set()\ndef wait() -> bool: return begun.wait(20)", "--concurrent"))
    async with kernel.connect() as client, anyio.create_task_group() as tasks:
        cell = f"{model}    urgent: bool = True\nbegun.set(); assert go_on.wait(20)"
        tasks.start_soon(kernel.arun, cell)
        assert await text_of(client, "wait") == ("true", False)
        waits = anyio.Event()

        async def say_so(*_: object) -> None:
            waits.set()

        async def call() -> None:
            params = {"name": "f", "arguments": {"order": {"number": 1}}}
            result = await client.ask("tools/call", params, on_progress=say_so)
            assert result["content"][0]["text"] == "Order(number=1, urgent=True)"

        tasks.start_soon(call)
        await waits.wait()
        await client.call("release")
        await client.hear("notifications/tools/list_changed")
        listed = {each["name"]: each for each in (await client.ask("tools/list"))["tools"]}
        assert "urgent" in str(listed["f"]["inputSchema"])


async def test_a_caller_hears_that_a_served_function_still_runs(kernel):
    """As progress notifications, while the kernel's main thread is blocked (2: heartbeats)."""
    kernel.run("import threading; go_on = threading.Event(); runner = server._handlers.runner")
    kernel.run("reports = runner._reports; seconds, reports._heartbeat = reports._heartbeat, 1")
    kernel.run(tool("def release(): go_on.set()", "--concurrent"))
    kernel.run(tool("def fits(): print('epoch 3'); return go_on.wait(60)"))
    heard = []
    twice = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))
        if len(heard) == 2:
            twice.set()

    async def call() -> None:
        result = await client.ask("tools/call", {"name": "fits"}, on_progress=on_progress)
        assert result["content"][0]["text"] == "true"

    async with kernel.connect() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        with anyio.fail_after(30):
            await twice.wait()
        await client.call("release")
    assert all(re.fullmatch(r"running for \d+ s: epoch 3", message) for _, message in heard)
    assert heard[0][0] < heard[1][0]
    kernel.run("reports._heartbeat = seconds")


@pytest.mark.parametrize(
    ("host", "kinds"),
    [
        ("claude-code", ["text", "image", "text"]),
        ("continue-cli-client", ["text", "text", "resource_link", "text"]),
        ("mcp_jupyter", ["text", "image"]),
    ],
)
async def test_a_figure_is_never_alone_where_a_model_reads_it(kernel, host, kinds):
    """Whatever the host does with pictures, its model is told what the figure shows (2: pictures)."""
    kernel.run("import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt")
    kernel.run(tool("def sketch(): plt.plot([1, 2]); plt.title('Revenue'); return 'done'"))
    async with kernel.connect(initialize=False) as client:
        await client.handshake(name=host)
        content = (await client.call("sketch"))["content"]
    assert [block["type"] for block in content] == kinds
    if host != "mcp_jupyter":
        assert content[-1]["text"].startswith("Picture: Figure 'Revenue', 1 line (")


async def test_autoreload_applies_before_a_call_as_before_a_cell(kernel, tmp_path):
    """A module whose file changed is reloaded when a tool is called (1.20)."""
    file = tmp_path / "reloaded_by_a_call.py"
    file.write_text("def value(): return 1")
    kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n%load_ext autoreload\n%autoreload 2")
    kernel.run("import reloaded_by_a_call")
    kernel.run(tool("def f(): return reloaded_by_a_call.value()"))
    async with kernel.connect() as client:
        assert await text_of(client, "f") == ("1", False)
        for number in (2, 3):
            file.write_text(f"def value(): return {number}")
            os.utime(file, (time.time() + 10 * number,) * 2)
            assert await text_of(client, "f") == (str(number), False)
    kernel.run("%autoreload 0\nsys.path.pop(0)")


async def test_a_tool_that_autoreload_changes_is_listed_as_it_is(kernel, tmp_path):
    """The reload before a call may give a tool other arguments: the list has them (1.20)."""
    file = tmp_path / "with_a_tool.py"
    file.write_text("def served(a: int): return a")
    kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n%load_ext autoreload\n%autoreload 2")
    kernel.run("import with_a_tool; server.add_tool(with_a_tool.served)")
    kernel.run(tool("def other(): return 1"))
    async with kernel.connect() as client:
        file.write_text("def served(a: int, b: int = 2): return a + b")
        os.utime(file, (time.time() + 10,) * 2)
        assert await text_of(client, "other") == ("1", False)
        await client.hear("notifications/tools/list_changed")
        listed = {each["name"]: each for each in (await client.ask("tools/list"))["tools"]}
        assert list(listed["served"]["inputSchema"]["properties"]) == ["a", "b"]
        assert await text_of(client, "served", {"a": 1, "b": 3}) == ("4", False)
    kernel.run("%autoreload 0\nsys.path.pop(0)")


@pytest.mark.parametrize("around", ["%%time", "%%capture", "%%capture kept\n%%time"])
async def test_our_magics_and_others_stand_over_a_cell_in_either_order(kernel, around):
    """`%%mcp_tool` over `%%time` serves as `%%time` over `%%mcp_tool` does (1.20)."""
    for cell in (f"%%mcp_tool\n{around}\ndef f(): return 1\n", f"{around}\n%%mcp_tool\ndef f(): return 1\n"):
        kernel.run("server.remove('f')")
        assert kernel.run(cell).error == ""
        async with kernel.connect() as client:
            assert await text_of(client, "f") == ("1", False)
    ran = kernel.run(f"%%mcp_tool\n{around}\n1/0\ndef f(): return 2")
    assert ran.error
    async with kernel.connect() as client:
        assert await text_of(client, "f") == ("1", False)


async def test_what_a_tool_returns_is_not_sent_twice(kernel):
    """A figure, or the value of a cell that the tool ran, is one part of its result (1.19)."""
    kernel.run("import matplotlib.pyplot as plt")
    kernel.run(
        tool(
            "def draws():\n    figure, axes = plt.subplots()\n    axes.plot([1, 2])\n"
            "    display(figure); plt.show()\n    return figure\n"
            "def runs(code: str):\n    return get_ipython().run_cell(code)\n"
            "def evaluates(code: str):\n    return get_ipython().run_cell(code).result"
        )
    )
    async with kernel.connect() as client:
        (picture,) = (await client.call("draws"))["content"]
        assert picture["mimeType"] == "image/png"
        assert await text_of(client, "runs", {"code": "6 * 7"}) == ("42", False)
        assert await text_of(client, "runs", {"code": "1/0"}) == (
            "Error in runs: ZeroDivisionError: division by zero",
            True,
        )
        result = await client.call("evaluates", {"code": "display('before'); 'value'"})
    assert [block["text"] for block in result["content"]] == ["value", "'before'"]


async def test_of_a_displayed_frame_the_rest_can_be_read(kernel):
    """A displayed frame has the table and the link of a returned one, as it was then (1.19)."""
    kernel.run("import pandas as pd")
    kernel.run(
        tool(
            "def shows():\n    frame = pd.DataFrame({'a': range(500)})\n    display(frame)\n"
            "    frame['a'] = 0\n    return frame.head(1)"
        )
    )
    async with kernel.connect() as client:
        returned, table, link = (await client.call("shows"))["content"]
        assert returned["text"].splitlines()[-1] == "| 0 |"
        assert "| 199 |" in table["text"]
        assert "Rows 0 to 199 of 500. To read on, read the resource result://" in table["text"]
        read = await client.ask("resources/read", {"uri": f"{link['uri']}?offset=499"})
        assert read["contents"][0]["text"] == "a\n499\n"


async def test_what_is_displayed_and_returned_unchanged_is_sent_once(kernel):
    kernel.run("import pandas as pd; import altair")
    kernel.run(
        tool(
            "def shows(change: bool):\n    frame = pd.DataFrame({'a': range(500)})\n    display(frame)\n"
            "    if change: frame.loc[0, 'a'] = -1\n    return frame\n"
            "def charts():\n    chart = altair.Chart(pd.DataFrame({'x': [1]})).mark_bar().encode(x='x')\n"
            "    display(chart)\n    return chart\n"
        )
    )
    async with kernel.connect() as client:
        kinds = [block["type"] for block in (await client.call("shows", {"change": False}))["content"]]
        assert kinds == ["text", "resource_link"]
        kinds = [block["type"] for block in (await client.call("shows", {"change": True}))["content"]]
        assert kinds == ["text", "resource_link"] * 2
        assert len((await client.call("charts"))["content"]) == 1


@pytest.mark.parametrize("options", ["", "--concurrent"])
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_no_picture_is_made_on_the_loop_that_all_calls_share(kernel, options, kind):
    """What a tool returns is drawn and scaled on another thread than the engine's (house 8.11)."""
    kernel.run(
        """
import io, threading
from PIL import Image as Pillow
from mcp_jupyter.server.content import images
from mcp_jupyter.server.fastmcp import Image
threads, original = [], images.sendable
def watched(*args):
    threads.append(threading.current_thread().name)
    return original(*args)
images.sendable = watched
"""
    )
    body = "    made = io.BytesIO()\n    Pillow.new('RGB', (4000, 40)).save(made, 'png')\n"
    kernel.run(tool(f"{kind} f():\n{body}    return Image(data=made.getvalue())", options))
    async with kernel.connect() as client:
        (picture,) = (await client.call("f"))["content"]
    assert picture["mimeType"] == "image/png"
    (thread,) = kernel.run("print(*threads, sep='\\n')").printed.splitlines()
    assert thread != "mcp-engine"
    kernel.run("images.sendable = original")
