# SPDX-License-Identifier: BSD-3-Clause
"""What a client answers without asking: as long as the server said, and not after a change."""

from __future__ import annotations

from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.client.cache import MAX_BYTES, MAX_ENTRIES, ResultCache
from mcp_jupyter.engine.connection import InboundRequest

from .conftest import nothing_left
from .memory_server import Served
from .scripted_http import DISCOVERED, Exchange, scripted

pytestmark = pytest.mark.anyio

MINUTE = {"resultType": "complete", "ttlMs": 60_000, "cacheScope": "private"}


def pages(**hints: Any) -> dict[str, Any]:
    return {
        "tools/list": {**MINUTE, **hints, "tools": [{"name": "t", "inputSchema": {"type": "object"}}]},
        "prompts/list": {**MINUTE, **hints, "prompts": [{"name": "p"}]},
        "resources/list": {**MINUTE, **hints, "resources": [{"uri": "a://b", "name": "r"}]},
        "resources/templates/list": {**MINUTE, **hints, "resourceTemplates": []},
        "resources/read": {**MINUTE, **hints, "contents": [{"uri": "a://b", "text": "x"}]},
    }


async def ask_all(client: Client, **options: Any) -> None:
    await client.list_tools(**options)
    await client.list_prompts(**options)
    await client.list_resources(**options)
    await client.list_resource_templates(**options)
    await client.read_resource("a://b", **options)


LISTS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"]


async def test_what_is_fresh_is_not_asked_for_again_unless_told_to() -> None:
    server = Served({**pages(), "server/discover": {**DISCOVERED, **MINUTE}})
    async with nothing_left(), Client(server) as client:
        await ask_all(client)
        assert server.asked() == ["server/discover", *LISTS]
        await ask_all(client)
        await client.discover()
        assert server.asked() == []
        assert (await client.read_resource("a://b")).contents[0].uri == "a://b"
        await client.read_resource("a://other")
        assert server.asked() == ["resources/read"]
        await ask_all(client, refresh=True)
        await client.discover(refresh=True)
        assert server.asked() == [*LISTS, "server/discover"]
        await client.ping()
        assert server.asked() == ["server/discover"]


@pytest.mark.parametrize("hints", [{"ttlMs": 0}, {"ttlMs": -5}, {"ttlMs": None}])
async def test_what_may_not_be_kept_is_asked_for_each_time(hints: dict[str, Any]) -> None:
    server = Served(pages(**hints))
    async with nothing_left(), Client(server) as client:
        await ask_all(client)
        server.asked()
        await ask_all(client)
        assert server.asked() == LISTS


async def test_nothing_of_a_legacy_server_is_kept() -> None:
    server = Served(pages())
    async with nothing_left(), Client(server, era="legacy") as client:
        await ask_all(client)
        server.asked()
        await ask_all(client)
        assert server.asked() == LISTS


async def test_a_closed_client_forgets() -> None:
    server = Served(pages())
    client = Client(server)
    for _ in range(2):
        async with nothing_left(), client:
            await client.list_tools()
        assert server.asked() == ["server/discover", "tools/list"]


async def test_what_a_caller_does_to_an_answer_does_not_change_the_next() -> None:
    async with nothing_left(), Client(Served(pages())) as client:
        for _ in range(3):
            tools = await client.list_tools()
            assert [tool.name for tool in tools] == ["t"]
            tools[0].name = "changed"
            tools.clear()


@pytest.mark.parametrize(
    ("method", "params", "stale"),
    [
        ("notifications/tools/list_changed", {}, ["tools/list"]),
        ("notifications/prompts/list_changed", {}, ["prompts/list"]),
        ("notifications/resources/list_changed", {}, LISTS[2:]),
        ("notifications/resources/updated", {"uri": "a://b"}, ["resources/read"]),
        ("notifications/resources/updated", {"uri": "a://b/part"}, ["resources/read"]),
        ("notifications/resources/updated", {"uri": "a://c"}, []),
        ("notifications/resources/updated", {"uri": 7}, []),
    ],
)
async def test_a_change_ends_what_it_is_about(method: str, params: dict[str, Any], stale: list[str]) -> None:
    server = Served(pages())
    async with nothing_left(), Client(server) as client:
        await ask_all(client)
        server.asked()
        server.connection.notify(method, params)
        await ask_all(client)
        assert server.asked() == stale


async def test_a_change_while_the_answer_is_on_its_way_keeps_it_from_being_kept() -> None:
    async def answer(call: InboundRequest) -> dict[str, Any]:
        call.connection.notify("notifications/tools/list_changed", {})
        return pages()["tools/list"]

    server = Served({"tools/list": answer})
    async with nothing_left(), Client(server) as client:
        await client.list_tools()
        await client.list_tools()
    assert server.asked() == ["server/discover", "tools/list", "tools/list"]


async def test_a_list_is_as_fresh_as_its_most_perishable_page() -> None:
    async def answer(call: InboundRequest) -> dict[str, Any]:
        if "cursor" in call.params:
            return {**MINUTE, "ttlMs": 0, "tools": []}
        return {**MINUTE, "tools": [], "nextCursor": "2"}

    server = Served({"tools/list": answer})
    async with nothing_left(), Client(server) as client:
        await client.list_tools()
        await client.list_tools()
    assert server.asked() == ["server/discover", *["tools/list"] * 4]


async def test_an_answer_that_took_a_person_is_not_kept() -> None:
    question = {"method": "roots/list"}

    async def answer(call: InboundRequest) -> dict[str, Any]:
        if "inputResponses" not in call.params:
            return {"resultType": "input_required", "inputRequests": {"q": question}, "requestState": "s"}
        return pages()["resources/read"]

    async def roots() -> types.ListRootsResult:
        return types.ListRootsResult(roots=[])

    server = Served({"resources/read": answer})
    async with nothing_left(), Client(server, list_roots_callback=roots) as client:
        await client.read_resource("a://b")
        await client.read_resource("a://b")
    assert server.asked() == ["server/discover", *["resources/read"] * 4]


@pytest.mark.parametrize(("scope", "asked"), [("public", 1), ("private", 2)])
async def test_with_credentials_that_may_change_only_what_is_public_is_kept(scope: str, asked: int) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.message["method"] == "server/discover":
            await exchange.result(DISCOVERED)
        else:
            await exchange.result(pages(cacheScope=scope)["tools/list"])

    async with scripted(script) as server:
        async with Client(server.origin + "/mcp", auth=httpx2.BasicAuth("me", "secret")) as client:
            await client.list_tools()
            await client.list_tools()
        assert server.methods.count("tools/list") == asked


# -- the bounds ----------------------------------------------------------------------------------------


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_result(ttl: int) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[], ttlMs=ttl, cacheScope="public")


@pytest.mark.parametrize(("ttl", "lasts"), [(1500, 1.5), (10**400, 86_400.0)])
def test_freshness_ends_when_the_server_said_and_after_a_day(ttl: int, lasts: float) -> None:
    clock = Clock()
    cache = ResultCache(clock=clock)
    cache.put(("tools/list", None), ["x"], cache.expiry(a_result(ttl)), cache.changes)
    clock.now += lasts - 0.1
    assert cache.get(("tools/list", None)) == ["x"]
    clock.now += 0.1
    assert cache.get(("tools/list", None)) is None


def test_entries_and_bytes_are_bounded_and_the_oldest_go_first() -> None:
    cache = ResultCache()
    expires = cache.expiry(a_result(60_000))
    for number in range(MAX_ENTRIES + 1):
        cache.put(("resources/read", f"a://{number}"), "small", expires, 0)
    assert cache.get(("resources/read", "a://0")) is None
    assert cache.get(("resources/read", "a://1")) == "small"
    half = "x" * (MAX_BYTES // 2)
    for uri in ("b://1", "b://2", "b://3"):
        cache.put(("resources/read", uri), half, expires, 0)
    assert cache.get(("resources/read", "a://256")) is None
    assert cache.get(("resources/read", "b://2")) is None
    assert cache.get(("resources/read", "b://3")) == half
    cache.put(("resources/read", "c://1"), 2 * half, expires, 0)
    assert cache.get(("resources/read", "c://1")) is None
    assert cache.get(("resources/read", "b://3")) == half


async def test_a_notification_is_heeded_even_when_the_handler_is_slow() -> None:
    server = Served(pages())
    held, release = anyio.Event(), anyio.Event()

    async def handler(notification: types.Notification) -> None:
        held.set()
        await release.wait()

    async with nothing_left(), Client(server, message_handler=handler) as client:
        await ask_all(client)
        server.connection.notify("notifications/prompts/list_changed", {})
        with anyio.fail_after(5):
            await held.wait()
        server.asked()
        server.connection.notify("notifications/tools/list_changed", {})
        await client.list_tools()
        assert server.asked() == ["tools/list"]
        release.set()
