# SPDX-License-Identifier: BSD-3-Clause
"""One round with the quickstart notebook over both HTTP transports, as a client makes it, and told aloud.

Knows what the quickstart serves. Does not know how the server was started.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from ..client.session import ClientSession
from ..client.sse import sse_client
from ..client.streamable_http import streamablehttp_client
from ..errors import McpJupyterError
from .demo_server import StepFailed
from .output import plain

__all__ = ["play"]

TOOL: Final = "top_customers"
ARGUMENTS: Final[Mapping[str, Any]] = {"n": 3}
RESOURCE: Final = "sales"

ROUND_SECONDS: Final = 60.0
"""For all of one transport: some ten requests of milliseconds each."""

SHOWN_LINES: Final = 8
"""Of a value: enough to see that it is the notebook's."""


def play(urls: Mapping[str, str], token: str, say: Callable[[str], None]) -> None:
    """List, call and read over HTTP+SSE, then over Streamable HTTP.

    Raises
    ------
    StepFailed
        Something did not go as it should.
    """
    headers = {"Authorization": f"Bearer {token}"}
    anyio.run(_play, urls, headers, say)


async def _play(urls: Mapping[str, str], headers: Mapping[str, str], say: Callable[[str], None]) -> None:
    told: list[str] = []
    for name, opener in (("HTTP+SSE", _over_sse), ("Streamable HTTP", _over_streamable_http)):
        try:
            with anyio.fail_after(ROUND_SECONDS):
                async with opener(urls, headers) as session:
                    account = await _round(session)
        except TimeoutError:
            raise StepFailed(f"{name}: no answer within {ROUND_SECONDS:g} s.") from None
        except McpJupyterError as exc:
            raise StepFailed(f"{name}: {exc}") from None
        say(f"{name:20}protocol version {session.protocol_version}")
        shown = ["the same, once more"] if account == told else account
        say("\n".join(f"  {line}" for line in shown) + "\n")
        told = account


@asynccontextmanager
async def _over_sse(urls: Mapping[str, str], headers: Mapping[str, str]) -> AsyncIterator[ClientSession]:
    async with (
        sse_client(urls["sse"], headers=headers) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def _over_streamable_http(
    urls: Mapping[str, str], headers: Mapping[str, str]
) -> AsyncIterator[ClientSession]:
    async with (
        streamablehttp_client(urls["http"], headers=headers) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.discover()
        yield session


async def _round(session: ClientSession) -> list[str]:
    """List, call and read once; an account of it, in lines."""
    tools = (await session.list_tools()).tools
    resources = (await session.list_resources()).resources
    prompts = (await session.list_prompts()).prompts
    result = await session.call_tool(TOOL, ARGUMENTS)
    if result.isError:
        raise StepFailed(f"the tool {TOOL} failed: {_text(result.content)}")
    uri = next((resource.uri for resource in resources if resource.name == RESOURCE), None)
    if uri is None:
        raise StepFailed(f"the notebook has no resource {RESOURCE!r}.")
    held = await session.read_resource(uri)
    shown = ", ".join(f"{name}={value!r}" for name, value in ARGUMENTS.items())
    return [
        f"tools             {', '.join(tool.name for tool in tools)}",
        f"resources         {', '.join(resource.uri for resource in resources)}",
        f"prompts           {', '.join(prompt.name for prompt in prompts)}",
        f"{TOOL}({shown}) answers",
        *_excerpt(_text(result.content)),
        f"{uri} holds",
        *_excerpt(_text(held.contents)),
    ]


def _text(parts: Iterable[Any]) -> str:
    return "\n".join(part.text for part in parts if getattr(part, "text", None))


def _excerpt(text: str) -> list[str]:
    lines = text.splitlines()
    shown = lines[:SHOWN_LINES] + (["..."] if len(lines) > SHOWN_LINES else [])
    return [f"  {plain(line)}" for line in shown]
