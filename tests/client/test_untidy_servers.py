# SPDX-License-Identifier: BSD-3-Clause
"""The client against servers that do not keep to the letter of JSON-RPC, over stdio and HTTP (1.22)."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.errors import McpError

from . import untidy_server
from .conftest import nothing_left
from .scripted_http import Exchange, scripted

pytestmark = pytest.mark.anyio

CONTENT = '{"content":[{"type":"text","text":"kept"}]}'
WAIT_SECONDS = 30


async def _answer(exchange: Exchange) -> None:
    if exchange.method != "POST":
        await exchange.send("405 Method Not Allowed")
        return
    lines = untidy_server.replies(exchange.message)
    if not lines:
        await exchange.send("202 Accepted")
    else:
        await exchange.send("200 OK", lines[0].encode(), Content_Type="application/json")


async def _answer_with_events(exchange: Exchange) -> None:
    lines = untidy_server.replies(exchange.message) if exchange.method == "POST" else []
    if not lines:
        await _answer(exchange)
    else:
        await exchange.begin_events()
        await exchange.event(lines[0])
        await exchange.stream.aclose()


@asynccontextmanager
async def connected(carrier: str) -> AsyncIterator[Client]:
    """Connect to the untidy server."""
    if carrier == "stdio":
        command = [sys.executable, str(Path(untidy_server.__file__))]
        async with nothing_left(), Client(command, era="legacy") as client:
            yield client
    else:
        script = _answer if carrier == "json" else _answer_with_events
        async with scripted(script) as server, Client(f"{server.origin}/mcp", era="legacy") as client:
            yield client


_LEFT_OUT = "The server's answer to {} has {}, left out: {}."

on_each_carrier = pytest.mark.parametrize("carrier", ["stdio", "json", "events"])


@on_each_carrier
@pytest.mark.parametrize(
    "answer",
    [
        f'{{"jsonrpc":"2.0","id":"$ID","result":{CONTENT}}}',
        f'{{"jsonrpc":"2.0","id":$ID.0,"result":{CONTENT}}}',
        '{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"kept"}],"_meta":{"a":"\\ud800"}}}',
        f'{{"jsonrpc":"2.0","id":$ID,"error":null,"result":{CONTENT}}}',
    ],
    ids=["id as text", "id as float", "lone surrogate", "error null"],
)
async def test_a_careless_answer_is_taken(carrier: str, answer: str) -> None:
    async with connected(carrier) as client:
        with anyio.fail_after(WAIT_SECONDS):
            result = await client.call_tool(answer)
        assert result.content == [types.TextContent(text="kept")]


@on_each_carrier
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"jsonrpc":"2.0","id":$ID,"result":null,"error":{"code":-7,"message":"no"}}', "^no$"),
        ('{"jsonrpc":"2.0","id":"$ID","error":{"code":-32042}}', "Error -32042, sent without a message"),
        ('{"jsonrpc":"2.0","id":$ID,"error":{"code":-5,"message":null}}', "Error -5, sent without a message"),
        ('{"jsonrpc":"2.0","id":$ID,"error":"out of cheese"}', "error is malformed: out of cheese"),
        ('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"unread"}}', "^unread$"),
        ('{"jsonrpc":"2.0","error":{"code":-32700,"message":"unread"}}', "^unread$"),
        (
            '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"structuredContent":{"a":[NaN,-Infinity]}}}',
            "not valid JSON: it contains -Infinity and NaN",
        ),
        ('{"jsonrpc":"2.0","id":"$ID","result":{"content":[],"a":"\x07"}}', "not valid JSON"),
        ('{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"a":\\x}}', "not valid JSON"),
        ('{"result":{"content":[],"a":\\x},"id":$ID,"jsonrpc":"2.0"}', "not valid JSON"),
    ],
)
async def test_a_call_that_cannot_be_answered_fails_at_once_with_words(
    carrier: str, answer: str, words: str
) -> None:
    async with connected(carrier) as client:
        with anyio.fail_after(WAIT_SECONDS), pytest.raises(McpError, match=words):
            await client.call_tool(answer)
        await client.ping()


async def test_an_error_without_an_id_is_nobodys_when_several_wait() -> None:
    """It does not fail a call that the server goes on to answer."""
    results: list[types.CallToolResult] = []
    async with connected("stdio") as client:

        async def call(name: str) -> None:
            results.append(await client.call_tool(name))

        with anyio.fail_after(WAIT_SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call, "hold")
                await client.ping()  # so that "hold" has been sent
                tasks.start_soon(call, "release")
    assert [result.content for result in results] == [[types.TextContent(text="kept")]] * 2


@on_each_carrier
async def test_a_malformed_item_costs_itself_and_is_named(
    carrier: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mcp_jupyter"):
        async with connected(carrier) as client:
            assert [tool.name for tool in await client.list_tools()] == ["good", "later"]
            assert [prompt.name for prompt in await client.list_prompts()] == ["p"]
            assert [resource.uri for resource in await client.list_resources()] == ["a://1"]
    assert [record.getMessage() for record in caplog.records] == [
        _LEFT_OUT.format("tools/list", "3 malformed tools", "bad⟨U+001B⟩, without a name, without a name"),
        _LEFT_OUT.format("tools/list", "3 malformed tools", "bad⟨U+001B⟩, without a name, without a name"),
        "The server gave a cursor of tools/list twice. The list ends with page 2.",
        _LEFT_OUT.format("prompts/list", "1 malformed prompt", "without a name"),
        _LEFT_OUT.format("prompts/list", "1 malformed prompt", "without a name"),
        "The server gave a cursor of prompts/list twice. The list ends with page 2.",
        _LEFT_OUT.format("resources/list", "1 malformed resource", "a://2"),
    ]


@on_each_carrier
async def test_unknown_content_costs_itself_and_is_named(carrier: str) -> None:
    blocks = [
        {"type": "text", "text": "kept"},
        {"type": "hologram", "data": "x"},
        {"type": "image", "data": 7},
        {"type": "text", "text": "also kept", "annotations": 5},
        None,
    ]
    answer = json.dumps({"jsonrpc": "2.0", "id": 0, "result": {"content": blocks}}).replace(
        '"id": 0', '"id": $ID'
    )
    async with connected(carrier) as client:
        result = await client.call_tool(answer)
        prompt = await client.get_prompt("p")
        resource = await client.read_resource("a://1")
    assert [_text(block) for block in result.content] == [
        "kept",
        "[The server sent content of the type 'hologram', which this client does not know.]",
        "[The server sent malformed content of the type 'image'.]",
        "also kept",
        "[The server sent malformed content.]",
    ]
    assert [(message.role, _text(message.content)) for message in prompt.messages] == [
        ("user", "kept"),
        ("user", "[The server sent content of the type 'hologram', which this client does not know.]"),
        ("user", "kept"),
        ("user", "[The server sent malformed content.]"),
    ]
    assert [_text(part) for part in resource.contents] == [
        "kept",
        "no uri",
        "[The server sent malformed content.]",
    ]


def _text(block: Any) -> str:
    text = block.text
    assert isinstance(text, str)
    return text


@on_each_carrier
async def test_what_is_malformed_as_a_whole_stays_an_error(carrier: str) -> None:
    answer = '{"jsonrpc":"2.0","id":$ID,"result":{"content":"no list"}}'
    async with connected(carrier) as client:
        with pytest.raises(McpError, match="malformed: content"):
            await client.call_tool(answer)
