# SPDX-License-Identifier: BSD-3-Clause
"""Servers of the official SDK, each started once; and a check that a test leaves nothing running."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from mcp_jupyter.client import StdioServerParameters

OFFICIAL = Path(__file__).with_name("official_server.py")
PATHS = {"http": "/mcp", "http-json": "/mcp", "http-resumable": "/mcp", "sse": "/sse"}


@contextmanager
def official_process(kind: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the official SDK's server over HTTP and give its URL."""
    command = [sys.executable, "-W", "ignore", OFFICIAL, kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}{PATHS[kind]}", process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def official_url() -> Iterator[Callable[[str], str]]:
    """Give the URL of an official server of a kind; it is started when first asked for."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}

        def url(kind: str) -> str:
            if kind not in urls:
                urls[kind], _ = stack.enter_context(official_process(kind))
            return urls[kind]

        yield url


@pytest.fixture
def official_command() -> StdioServerParameters:
    """Start the official server over stdio."""
    return StdioServerParameters(command=sys.executable, args=["-W", "ignore", str(OFFICIAL), "stdio"])


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Assert that no task of the body outlives it."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - before == set()
