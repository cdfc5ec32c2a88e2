# SPDX-License-Identifier: BSD-3-Clause
"""A server to be run as a process: ``stdio_server.py [asyncio|trio|quiet|broken] [FILE]``.

FILE gets a line when the server's life begins and when it ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel

from mcp_jupyter.server.fastmcp import Context, FastMCP

KIND, *FILES = [*sys.argv[1:], "asyncio"] if len(sys.argv) < 2 else sys.argv[1:]


def note(line: str) -> None:
    for file in FILES:
        with Path(file).open("a") as target:
            target.write(line + "\n")


def home() -> tuple[threading.Thread, object]:
    """The thread and the event loop of the running code."""
    return threading.current_thread(), anyio.lowlevel.current_token()


@asynccontextmanager
async def lifespan(server: FastMCP) -> AsyncIterator[object]:
    if KIND == "broken":
        raise RuntimeError("no database")
    note("begins")
    try:
        yield home()
    finally:
        await anyio.lowlevel.checkpoint()  # as a database that is closed
        note("ends")


mcp = FastMCP("Stdio", lifespan=lifespan, result_budget=10_000_000)


@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b


@mcp.tool()
def at_home(ctx: Context) -> bool:
    """Whether it runs on the main thread, where the lifespan runs."""
    thread, _ = ctx.request_context.lifespan_context
    return threading.current_thread() is thread is threading.main_thread()


@mcp.tool()
async def at_home_async(ctx: Context) -> bool:
    return at_home(ctx) and home() == ctx.request_context.lifespan_context


@mcp.tool()
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Which?", {"type": "object", "properties": {"name": {"type": "string"}}})
    return f"{answer.action} {answer.data} {at_home(ctx)}"


@mcp.tool(concurrent=True)
def beside() -> str:
    return "beside"


@mcp.tool()
def echo(text: str) -> str:
    return text


@mcp.tool()
def forks() -> int:
    """How a forked child of the process ends that returns from here, too."""
    child = os.fork()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else -1


@mcp.tool()
async def forks_async() -> int:
    return forks()


mcp.add_tool(forks, name="forks_beside", concurrent=True)


@mcp.tool()
async def forks_and_awaits(seconds: float) -> int:
    """Await in both processes; between two steps the child would be in the loop."""
    child, end = os.fork(), time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0)  # whatever needs the running loop fails in a fork
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else -1


@mcp.tool()
def make(size: int) -> str:
    return "x" * size


@mcp.tool()
def noisy() -> list[str]:
    """Print by every means there is; say what can be read."""
    print("from print")
    os.write(1, b"from the descriptor\n")
    subprocess.run(["sh", "-c", "echo from a child"], check=True)
    child = subprocess.run(["cat"], capture_output=True, check=True, timeout=10)
    try:
        read = input()
    except EOFError:
        read = "nothing"
    return [child.stdout.decode(), read]


@mcp.tool()
async def wait(seconds: float) -> str:
    note("waiting")
    await anyio.sleep(seconds)
    note("waited")
    return "waited"


@mcp.tool(concurrent=True)
def hang(seconds: float) -> str:
    note("hanging")
    time.sleep(seconds)
    return "hung"


@mcp.tool()
def block(seconds: float) -> str:
    note("blocking")
    time.sleep(seconds)
    return "blocked"


@mcp.tool()
def stubborn(seconds: float) -> str:
    end = time.monotonic() + seconds
    note("clinging")
    while time.monotonic() < end:
        try:
            time.sleep(end - time.monotonic())
        except KeyboardInterrupt:
            note("interrupted")
    return "clung"


@mcp.tool()
def compute() -> str:
    """Stay in C code, which looks for no signal."""
    note("computing")
    return hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9).hex()


@mcp.tool()
def broken_text() -> dict[str, list[str]]:
    return {"text": ["a\ud800b"]}


@mcp.tool()
async def count(to: int, ctx: Context) -> int:
    for step in range(to):
        await ctx.report_progress(step, to)
        await ctx.info(f"step {step}")
    return to


@mcp.tool()
def leave() -> None:
    sys.exit(3)


if __name__ == "__main__":
    print("printed before", file=sys.stderr)
    if KIND == "trio":
        anyio.run(mcp.run_stdio_async, backend="trio")
    else:
        mcp.run()
    if KIND != "quiet":
        print("printed after")
