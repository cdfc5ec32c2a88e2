# SPDX-License-Identifier: BSD-3-Clause
"""Progress of a call: the function's own reports, and ours between them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mcp_jupyter.server import context as request_contexts
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio


@both_eras
@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize("awaited", [False, True])
async def test_progress_rises_or_is_not_sent(era, concurrent, awaited):
    mcp = FastMCP()
    steps = [0, 1, 1, 0.5, float("nan"), np.int64(2), np.float32(2.5), float("inf"), 3]

    def report(ctx: Context) -> None:
        for step in steps:
            ctx.report_progress(step, np.int64(3), f"at {step}")

    async def report_async(ctx: Context) -> None:
        for step in steps:
            await ctx.report_progress(step, np.int64(3), f"at {step}")

    mcp.add_tool(report_async if awaited else report, "report", concurrent=concurrent)
    heard = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with speaking(mcp, era) as client:
        result = await client.ask("tools/call", on_progress, name="report")
        assert "isError" not in result
        assert heard == [(n, 3, f"at {n}") for n in (0, 1, 2, 2.5, 3)]
        heard.clear()
        await client.call("report")  # who does not ask hears nothing
        assert heard == []
        assert client.heard == []


@both_eras
async def test_a_heartbeat_rises_and_costs_no_report_of_the_function(era, monkeypatch):
    """Each report and heartbeat is sent, above the one before it, whatever its number (2: heartbeats)."""
    monkeypatch.setattr(request_contexts, "MIN_SILENT_SECONDS", 0.0)
    mcp = FastMCP()

    @mcp.tool()
    def report(ctx: Context) -> None:
        ctx.request_context.waiting("waiting for cell [3], 1 s")
        for step in (0, 1e-12, 0.5, 99.5, 100.0, 100.0):
            ctx.request_context.running(20.4, "")
            ctx.report_progress(step, 100, f"at {step}")
        ctx.request_context.running(30, "a printed line")

    heard = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with speaking(mcp, era) as client:
        await client.ask("tools/call", on_progress, name="report")
        messages = [message for _, _, message in heard]
        assert messages == [
            "waiting for cell [3], 1 s",
            "running for 20 s",
            "at 0",
            "running for 20 s: at 0",
            "at 1e-12",
            "running for 20 s: at 1e-12",
            "at 0.5",
            "running for 20 s: at 0.5",
            "at 99.5",
            "running for 20 s: at 99.5",
            "at 100.0",
            "running for 20 s: at 100.0",  # the second report of 100 does not rise
            "running for 30 s: a printed line",
        ]
        numbers = [progress for progress, _, _ in heard]
        assert all(earlier < later for earlier, later in pairwise(numbers))
        assert [number for number in numbers if number in (0.5, 99.5, 100.0)] == [0.5, 99.5, 100.0]
        assert [round(number, 6) for number in numbers[-3:]] == [100.0] * 3
        assert {total for _, total, _ in heard[2:]} == {100}
        heard.clear()
        await client.call("report")  # who does not ask hears nothing
        assert heard == []
        assert client.heard == []


async def test_a_function_that_has_just_spoken_needs_no_heartbeat():
    """At most one message a second comes of heartbeats (2: heartbeats)."""
    mcp = FastMCP()

    @mcp.tool()
    def report(ctx: Context) -> None:
        ctx.report_progress(1, 2, "half")
        ctx.request_context.running(10, "line")
        ctx.request_context.running(20, "line")

    heard = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async with speaking(mcp) as client:
        await client.ask("tools/call", on_progress, name="report")
    assert heard == ["half"]


async def test_progress_needs_a_number():
    mcp = FastMCP()

    @mcp.tool()
    def f(ctx: Context) -> None:
        ctx.report_progress("half")  # type: ignore[arg-type]

    async with speaking(mcp) as client:
        assert "could not convert string to float: 'half'" in await client.error("f")
