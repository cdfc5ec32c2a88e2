# SPDX-License-Identifier: BSD-3-Clause
"""The aggregate, the whole way: the official SDK, a real Jupyter Server, and notebooks in real kernels."""

from __future__ import annotations

import anyio
import pytest

from .parts import sdk_client

pytestmark = pytest.mark.anyio

LOAD = "%load_ext mcp_jupyter"
MODES = {"legacy": "2025-11-25", "auto": "2026-07-28", "sse": "2025-11-25"}


def cells(name):
    return (
        LOAD,
        f"%%mcp_tool\ndef who(n: int) -> str:\n    return f'{name} {{n}}'",
        "from pydantic import BaseModel\nclass Sure(BaseModel):\n    sure: bool",
        "from mcp_jupyter.server.fastmcp import Context\nimport asyncio\nfate = []",
        "%%mcp_tool\nasync def ask(ctx: Context) -> str:\n"
        f"    answer = await ctx.elicit('{name}: sure?', Sure)\n"
        f"    return f'{name} {{answer.data.sure}}'",
        "%%mcp_tool\nasync def count(ctx: Context) -> str:\n"
        "    for step in range(3):\n        await ctx.report_progress(step, 3, f'step {step}')\n"
        f"    return '{name}'",
        "%%mcp_tool\nasync def wait(ctx: Context) -> str:\n"
        "    await ctx.report_progress(0, 1, 'waits')\n"
        "    try:\n        await asyncio.sleep(600)\n    finally:\n        fate.append('ended')",
        f"sales = '{name}'\n%mcp_resource sales",
        f"%%mcp_prompt summarise\n{name} {{what}}.",
    )


@pytest.fixture(scope="module")
def pair(jupyter):
    with (
        jupyter.notebook("North 1.ipynb", *cells("north")) as north,
        jupyter.notebook("south.v2.ipynb", *cells("south")) as south,
    ):
        yield north, south


@pytest.fixture(scope="module")
def url(jupyter, pair):
    return jupyter.endpoint("").rstrip("/")


@pytest.fixture(scope="module")
def token(jupyter):
    return jupyter.token("*")


PREFIXES = {"north": "North-1_", "south": "south_v2_"}
LABELS = {"north": "North-1", "south": "south.v2"}
TOOLS = ["who", "ask", "count", "wait"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_host_uses_two_notebooks_as_one_server(url, token, mode):
    async with sdk_client(mode, url, token) as client:
        assert await client.do("version") == MODES[mode]
        assert await client.do("tools") == [f"{p}{tool}" for p in PREFIXES.values() for tool in TOOLS]
        uris = [f"hub://{label}/notebook://variables/sales" for label in LABELS.values()]
        assert [uri for uri in await client.do("resources") if "variables" in uri] == uris
        for (word, prefix), uri in zip(PREFIXES.items(), uris, strict=True):
            result = await client.do("call", name=f"{prefix}who", arguments={"n": 3})
            assert result["structuredContent"] == {"result": f"{word} 3"}
            assert word in await client.do("read", uri=uri)
            said = await client.do("prompt", name=f"{prefix}summarise", arguments={"what": "it"})
            assert said == f"{word} it."


@pytest.mark.parametrize("mode", MODES)
async def test_progress_questions_and_cancellation_pass(pair, url, token, mode):
    async with sdk_client(mode, url, token) as client:
        for (word, prefix), notebook in zip(PREFIXES.items(), pair, strict=True):
            key = await client.begin("call", name=f"{prefix}count")
            for step in range(3):
                await client.hear(progress=key, value=step, message=f"step {step}")
            assert (await client.answer(key))["ok"]["structuredContent"] == {"result": word}
            result = await client.do("call", name=f"{prefix}ask")
            assert result["structuredContent"] == {"result": f"{word} True"}
            await client.hear(asked=f"{word}: sure?")
            await notebook.arun("fate.clear()")
            key = await client.begin("call", name=f"{prefix}wait")
            await client.hear(progress=key, message="waits")
            await client.do("cancel", what=key)
            assert await client.answer(key) == {"as": key, "cancelled": True}
            with anyio.fail_after(10):
                while (await notebook.arun("fate")).result["text/plain"] != "['ended']":
                    await anyio.sleep(0.05)


@pytest.mark.parametrize("mode", ["legacy", "sse"])
async def test_a_notebook_that_comes_and_goes_is_heard_of(jupyter, url, token, mode):
    async with sdk_client(mode, url, token) as client:
        assert not any(name.startswith("guest") for name in await client.do("tools"))

        async def until(there):
            await client.hear(heard="notifications/tools/list_changed")
            with anyio.fail_after(20):
                while any(name.startswith("guest_") for name in await client.do("tools")) is not there:
                    await anyio.sleep(0.05)

        guest = jupyter.notebook("guest.ipynb", LOAD, "%%mcp_tool\ndef hello() -> str:\n    return 'hello'")
        notebook = await anyio.to_thread.run_sync(guest.__enter__)
        try:
            await until(True)
            result = await client.do("call", name="guest_hello")
            assert result["structuredContent"] == {"result": "hello"}
            await notebook.arun("%%mcp_tool\ndef more() -> str:\n    return 'more'")
            result = await client.do("call", name="guest_more")
            assert result["structuredContent"] == {"result": "more"}
        finally:
            await anyio.to_thread.run_sync(guest.__exit__, None, None, None)
        await until(False)
        assert (
            "No live notebook"
            in (await client.answer(await client.begin("call", name="guest_hello")))["error"]
        )


async def test_a_token_for_one_notebook_works_at_the_aggregate_with_that_one(jupyter, url):
    token = jupyter.token(LABELS["south"], tools=("who", "count"))
    async with sdk_client("auto", url, token) as client:
        assert await client.do("tools") == ["south_v2_who", "south_v2_count"]
        assert all(uri.startswith("hub://south.v2/") for uri in await client.do("resources"))
        for name in ("North-1_who", "south_v2_ask"):
            assert "error" in await client.answer(await client.begin("call", name=name))
