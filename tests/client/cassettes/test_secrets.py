# SPDX-License-Identifier: BSD-3-Clause
"""No secret is in a cassette: canaries in every place and encoding, names that mean a secret (T40, 1.17)."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx2
import pytest
from pydantic import BaseModel

from mcp_jupyter import Client, types
from mcp_jupyter.client import StdioServerParameters
from mcp_jupyter.client.cassettes import Cassette
from mcp_jupyter.client.cassettes.redaction import Redactor
from mcp_jupyter.client.secrets import MARK
from mcp_jupyter.errors import McpError
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.http.app import serve_http

from .support import ALIAS, calls_in, recording, replaying

pytestmark = pytest.mark.anyio

CANARY = 'ca"na/ry+Ø 7f3c9d21'
"""With all that the encodings change."""


def encoded(secret: str) -> dict[str, str]:
    data = secret.encode()
    return {
        "plain": secret,
        "url": quote(secret, safe=""),
        "url, plus": quote_plus(secret),
        "url, lower": re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        "json": json.dumps(secret),
        "json, unicode": json.dumps(secret, ensure_ascii=False),
        "json in json": json.dumps(json.dumps(secret)),
        "html": html.escape(secret),
        "url, some": quote(secret, safe="+ /"),
        "hex": data.hex(),
        "hex, upper": data.hex().upper(),
        **{f"base64 at {at}": base64.b64encode(b"x" * at + data + b"tail").decode() for at in range(3)},
        **{f"base64url at {at}": base64.urlsafe_b64encode(b"y" * at + data).decode() for at in range(3)},
    }


def leaks(text: str, secret: str) -> list[str]:
    """Say in which forms a text holds a secret; of base64 a part that nothing else decides is looked for."""
    found = []
    for name, form in encoded(secret).items():
        core = form.strip('"')
        core = core[4:-8] if name.startswith("base64") else core
        in_json = [json.dumps(core, ensure_ascii=flag)[1:-1] for flag in (True, False)]
        if any(shape in text for shape in (core, *in_json)):
            found.append(name)
    return found


def test_the_search_finds_what_leaks() -> None:
    for name, form in encoded(CANARY).items():
        assert name in leaks(json.dumps({"a": f"before {form} after"}, ensure_ascii=False), CANARY)


@pytest.mark.parametrize("form", encoded(CANARY))
def test_every_encoding_of_a_known_secret_is_left_out(form: str) -> None:
    text = Redactor([CANARY]).text(f"before {encoded(CANARY)[form]} after")
    assert leaks(text, CANARY) == []
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert MARK in text


class Answer(BaseModel):
    code: str


def everything(secret: str) -> FastMCP:
    """Make a server that repeats a secret in all that it says."""
    forms = " | ".join(encoded(secret).values())
    mcp = FastMCP("leaky", instructions=f"Say {forms}.")

    @mcp.tool(description=f"Login with {forms}")
    async def login(name: str, ctx: Context, hint: str = secret) -> dict[str, Any]:
        await ctx.report_progress(1, 2, f"progress {forms}")
        await ctx.info(f"log {forms}")
        said = await ctx.elicit(f"Is it {forms}?", schema=Answer)
        return {"said": forms, "nested": [{secret: secret}], "answer": said.action}

    @mcp.tool()
    def fail() -> str:
        raise ValueError(forms)

    @mcp.resource(f"note://{quote(secret, safe='')}", mime_type="text/plain", description=forms)
    def note() -> str:
        return forms

    @mcp.prompt(description=forms)
    def ask() -> str:
        return forms

    return mcp


async def answer(params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"code": CANARY})


async def talk(client: Client, secret: str) -> None:
    """Have a secret said in every place that a cassette has."""

    async def progress(*_: Any) -> None: ...

    await client.list_tools()
    await client.call_tool("login", {"name": secret}, progress_callback=progress)
    await client.call_tool("login", {"name": encoded(secret)["base64 at 1"], "hint": "h"})
    await client.call_tool("fail")
    with pytest.raises(McpError):
        await client.call_tool(secret)
    await client.read_resource((await client.list_resources())[0].uri)
    with pytest.raises(McpError):
        await client.read_resource(f"nothing://{quote(secret, safe='')}")
    await client.list_prompts()
    await client.get_prompt("ask")


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("late", [False, True], ids=["known before", "learned last"])
async def test_no_canary_is_in_the_file(era: Any, late: bool, tmp_path: Path) -> None:
    path = tmp_path / "n.cassette.json"
    options = {"logging_callback": answer, "elicitation_callback": answer}
    track = Cassette.open(path, "record", secrets=[] if late else [CANARY]).track(ALIAS)
    async with Client(everything(CANARY), cassette=track, era=era, **options) as client:
        await talk(client, CANARY)
        if late:
            track.keep_secret(CANARY)
    assert leaks(path.read_text(), CANARY) == []
    places = {event for call in calls_in(path) for event in call.get("events", []) for event in event}
    assert {"progress", "notification", "asked"} <= places
    async with replaying(path, **options) as client:
        await talk(client, "another secret than then")


async def test_what_the_transport_sends_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "n.cassette.json"
    password = base64.b64encode(f"ada:{CANARY}".encode()).decode()
    headers = {"Authorization": f"Basic {password}", "X-Other": "other-canary-1"}
    async with serve_http(everything(CANARY), port=0) as port:
        url = f"http://127.0.0.1:{port}/mcp?key=query-canary-2"
        async with recording(url, path, headers=headers, elicitation_callback=answer) as client:
            await client.call_tool("login", {"name": f"other-canary-1 query-canary-2 {password}"})
            await client.call_tool("fail")
    text = path.read_text()
    assert leaks(text, CANARY) == []
    for secret in ("other-canary-1", "query-canary-2", password):
        assert leaks(text, secret) == []


async def test_what_auth_adds_later_is_left_out(tmp_path: Path) -> None:
    class Token(httpx2.Auth):
        number = 0

        async def async_auth_flow(self, request: httpx2.Request) -> Any:
            self.number += 1
            request.headers["Authorization"] = f"Bearer token-canary-{self.number:06}"
            yield request

    path, auth = tmp_path / "n.cassette.json", Token()
    async with serve_http(everything(CANARY), port=0) as port:
        target = f"http://127.0.0.1:{port}/mcp"
        async with recording(target, path, auth=auth, elicitation_callback=answer) as client:
            for _ in range(3):
                await client.call_tool("login", {"name": f"token-canary-{auth.number:06}"})
    assert "token-canary" not in path.read_text()
    assert len(calls_in(path)) == 3


async def test_variables_of_a_child_are_left_out(tmp_path: Path) -> None:
    path, root = tmp_path / "n.cassette.json", Path(__file__).parents[3]
    env = {"PYTHONPATH": str(root), "SOME_KEY": CANARY}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "tests.client.our_server"], env=env, cwd=root
    )
    async with recording(command, path) as client:
        result = await client.call_tool("variable", {"name": "SOME_KEY"})
        assert result.structuredContent == {"result": CANARY}
    assert leaks(path.read_text(), CANARY) == []
    async with replaying(path) as client:
        assert (await client.call_tool("variable", {"name": "SOME_KEY"})).structuredContent == {
            "result": MARK
        }


async def test_a_replay_needs_no_secret(tmp_path: Path) -> None:
    mcp = FastMCP("door")

    @mcp.tool()
    def enter(user: str, password: str) -> str:
        return f"{user} came in with {password}"

    path = tmp_path / "n.cassette.json"
    async with recording(mcp, path) as client:
        await client.list_tools()
        await client.call_tool("enter", {"user": "ada", "password": "hunter2"})
    assert "hunter2" not in path.read_text()
    async with replaying(path) as client:
        result = await client.call_tool("enter", {"user": "ada", "password": "anything"})
    assert result.content == [types.TextContent(text=f"ada came in with {MARK}")]


async def test_a_tokenizers_calls_are_recorded_as_they_are(tmp_path: Path) -> None:
    """Results keep their words; a word given as `token` is redacted in its place only."""
    mcp = FastMCP("words")

    @mcp.tool()
    def split(text: str) -> dict[str, Any]:
        return {"tokens": text.split(), "count": len(text.split())}

    @mcp.tool()
    def find(token: str) -> str:
        return f"{token} is in the statistics of the {token}"

    path = tmp_path / "n.cassette.json"
    async with recording(mcp, path) as client:
        await client.list_tools()
        split_result = await client.call_tool("split", {"text": "the statistics of the words"})
        find_result = await client.call_tool("find", {"token": "words"})
    calls = [call for call in calls_in(path) if call["method"] == "tools/call"]
    assert calls[0]["result"]["structuredContent"] == split_result.structuredContent
    assert calls[1]["params"]["arguments"] == {"token": MARK}
    assert calls[1]["result"]["content"][0]["text"] == find_result.content[0].text
    async with recording(mcp, path, no_redact=["token"]) as client:
        await client.call_tool("find", {"token": "words"})
    assert calls_in(path)[0]["params"]["arguments"] == {"token": "words"}


async def test_patterns_of_ones_own(tmp_path: Path) -> None:
    mcp = FastMCP("keys")

    @mcp.tool()
    def show() -> str:
        return "keys sk-abc123 and sk-def456"

    path = tmp_path / "n.cassette.json"
    async with recording(mcp, path, redact=[r"sk-[a-z0-9]+"]) as client:
        await client.call_tool("show")
    assert calls_in(path)[0]["result"]["content"][0]["text"] == f"keys {MARK} and {MARK}"
