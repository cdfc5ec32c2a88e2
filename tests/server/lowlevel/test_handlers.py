# SPDX-License-Identifier: BSD-3-Clause
"""Handlers of a low-level server for resources, completion, subscriptions, log levels and notifications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anyio
import pytest
from pydantic import AnyUrl

from mcp_jupyter import Client, types
from mcp_jupyter.errors import INTERNAL_ERROR, INVALID_PARAMS, McpError
from mcp_jupyter.server import session
from mcp_jupyter.server.lowlevel import NotificationOptions, ReadResourceContents, Server

from ..memory_client import connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Server[Any]:
    return Server("s")


# -- resources --------------------------------------------------------------------------------------------


def reads(server: Server[Any], value: Any) -> None:
    @server.read_resource()
    async def read(uri: str) -> Any:
        return value


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("text", [("text", "text/plain")]),
        (b"\x00\xff", [(b"\x00\xff", "application/octet-stream")]),
        ([], []),
        (
            [ReadResourceContents("# One", "text/markdown"), ReadResourceContents(b"2", "image/png")],
            [("# One", "text/markdown"), (b"2", "image/png")],
        ),
        ((ReadResourceContents(part) for part in "ab"), [("a", "text/plain"), ("b", "text/plain")]),
        ([types.TextResourceContents(uri="x:y", text="own")], [("own", None)]),
    ],
    ids=["str", "bytes", "none", "parts", "generator", "contents"],
)
async def test_what_a_resource_is_read_as(server: Server[Any], value: Any, read: list[Any]):
    reads(server, value)
    async with Client(server) as client:
        result = await client.read_resource("x:y")
    found = []
    for part in result.contents:
        found.append(tuple(result.model_copy(update={"contents": [part]})))
    assert found == read
    assert {part.uri for part in result.contents} <= {"x:y"}


async def test_meta_of_a_part(server: Server[Any]):
    reads(server, [ReadResourceContents("a", meta={"page": 1})])
    async with Client(server) as client:
        assert (await client.read_resource("x:y")).contents[0].meta == {"page": 1}


@pytest.mark.parametrize("value", [None, 3, [b"bytes"], {"a": 1}])
async def test_what_is_no_resource_is_the_servers_fault(server: Server[Any], value: Any, caplog: Any):
    reads(server, value)
    async with Client(server) as client:
        with pytest.raises(McpError, match="TypeError") as caught:
            await client.read_resource("x:y")
    assert caught.value.code == INTERNAL_ERROR
    assert "ReadResourceContents" in caplog.text


async def test_a_uri_is_text_as_received_or_what_the_parameter_is_annotated_with(server: Server[Any]):
    seen: list[Any] = []

    @server.read_resource()
    async def read(uri) -> str:  # type: ignore[no-untyped-def]
        seen.append(uri)
        return ""

    async with Client(server) as client:
        await client.read_resource("HTTP://Example.com")

    @server.read_resource()
    async def read_url(uri: AnyUrl) -> str:
        seen.append((uri.scheme, uri.host, uri.path))
        return ""

    async with Client(server) as client:
        await client.read_resource("note://internal/one")
        with pytest.raises(McpError, match=r"params\.uri must be a URL"):
            await client.read_resource("no url")
    assert seen == ["HTTP://Example.com", ("note", "internal", "/one")]


# -- lists ------------------------------------------------------------------------------------------------


async def test_a_list_of_one_page_knows_no_cursor(server: Server[Any]):
    @server.list_resources()
    async def list_resources() -> Iterable[types.Resource]:
        return (types.Resource(uri=f"x:{n}", name=str(n)) for n in range(2))

    async with Client(server) as client:
        assert [item.name for item in await client.list_resources()] == ["0", "1"]
        with pytest.raises(McpError, match="Unknown cursor") as caught:
            await client.session.list_resources("2")
    assert caught.value.code == INVALID_PARAMS


async def test_a_page_of_the_handlers_own_stays_as_it_is(server: Server[Any]):
    kept = types.ListPromptsResult(prompts=[types.Prompt(name="p")])

    @server.list_prompts()
    async def list_prompts(request: types.ListPromptsRequest) -> types.ListPromptsResult:
        return kept

    async with Client(server) as client:
        assert [item.name for item in await client.list_prompts()] == ["p"]
    assert kept.model_dump(exclude_none=True) == {"prompts": [{"name": "p"}]}


async def test_completions_over_the_limit_say_so(server: Server[Any]):
    @server.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
        assert context.arguments == {"a": "b"}
        return types.Completion(values=[str(n) for n in range(250)])

    async with Client(server) as client:
        ref = types.PromptReference(name="p")
        found = (await client.complete(ref, {"name": "x", "value": ""}, {"a": "b"})).completion
    assert (len(found.values), found.total, found.hasMore) == (100, 250, True)


# -- subscriptions and levels -----------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_handlers_hear_of_subscriptions_in_both_eras(server: Server[Any], era: Any):
    heard: list[Any] = []
    told: list[Any] = []
    news = anyio.Event()

    @server.list_resources()
    async def list_resources() -> list[types.Resource]:
        return []

    @server.subscribe_resource()
    async def subscribe(uri: AnyUrl) -> None:
        if uri.scheme == "secret":
            raise ValueError("not for you")
        heard.append(("begin", str(uri)))

    @server.unsubscribe_resource()
    async def unsubscribe(uri: str) -> None:
        heard.append(("end", uri))

    async def notified(notification: types.ResourceUpdatedNotification) -> None:
        told.append(notification.params.uri)
        news.set()

    async with Client(server, era=era, message_handler=notified) as client:
        async with client.subscribed(uris=["note://1"]):
            assert heard == [("begin", "note://1")]
            for uri in ("secret://1", "note://1"):
                server.resource_updated(uri)
            with anyio.fail_after(5):
                await news.wait()
        with anyio.fail_after(5):
            while len(heard) < 2:
                await anyio.lowlevel.checkpoint()
    assert heard == [("begin", "note://1"), ("end", "note://1")]
    assert told == ["note://1"]


async def test_a_refused_subscription_is_none(server: Server[Any]):
    @server.subscribe_resource()
    async def subscribe(uri: str) -> None:
        if uri == "secret:1":
            raise ValueError("not for you")

    async with Client(server, era="legacy") as client:
        with pytest.raises(McpError, match="not for you"):
            await client.session.subscribe_resource("secret:1")
    async with (
        Client(server, era="modern") as client,
        client.session.listen(uris=["secret:1", "a:1"]) as given,
    ):
        assert given.granted.resourceSubscriptions == ["a:1"]


async def test_a_handler_does_not_hear_of_a_subscription_beyond_the_limit(
    server: Server[Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "MAX_SUBSCRIPTIONS", 1)
    heard: list[str] = []

    @server.subscribe_resource()
    async def subscribe(uri: str) -> None:
        heard.append(uri)

    async with Client(server, era="legacy") as client:
        for _ in range(2):  # the second time it is the same subscription
            await client.session.subscribe_resource("a:1")
        with pytest.raises(McpError, match="No more than 1 subscriptions"):
            await client.session.subscribe_resource("a:2")
    assert heard == ["a:1", "a:1"]


@pytest.mark.parametrize("said", [{}, {"resultType": "complete"}], ids=["bare", "with its type"])
async def test_a_result_that_is_a_mapping_has_cache_hints_too(server: Server[Any], said: dict[str, Any]):
    async def tools(context: Any, params: Any) -> dict[str, Any]:
        return {"tools": [], **said}

    server.add_handler("tools/list", types.PaginatedRequestParams, tools)
    async with connected(server, initialize=None) as client:
        got = await client.modern("tools/list")
    assert (got["resultType"], got["ttlMs"], got["cacheScope"]) == ("complete", 0, "private")


async def test_only_changes_that_the_server_promises_to_tell_of_are_granted(server: Server[Any]):
    for lists in (server.list_tools(), server.list_prompts()):

        @lists
        async def none() -> list[Any]:
            return []

    server.notification_options = NotificationOptions(tools_changed=True)
    async with (
        Client(server, era="modern") as client,
        client.session.listen(tools=True, prompts=True, resources=True) as given,
    ):
        assert given.granted.model_dump(exclude_none=True) == {"toolsListChanged": True}


async def test_a_handler_hears_of_the_log_level_and_the_session_keeps_to_it(server: Server[Any]):
    levels: list[str] = []

    @server.set_logging_level()
    async def set_level(level: types.LoggingLevel) -> None:
        levels.append(level)

    @server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> list[Any]:
        session = server.request_context.session
        await session.send_log_message("info", "quiet")
        await session.send_log_message("error", "loud", logger="l")
        return []

    async with connected(server) as client:
        await client.ask("logging/setLevel", {"level": "warning"})
        await client.call("t")
        assert [said.params for said in client.heard] == [{"level": "error", "data": "loud", "logger": "l"}]
        with pytest.raises(McpError):
            await client.ask("logging/setLevel", {"level": "deafening"})
    assert levels == ["warning"]


async def test_progress_as_the_first_sdk_has_it(server: Server[Any]):
    @server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> str:
        request = server.request_context
        if request.meta.progressToken is not None:
            await request.session.send_progress_notification(request.meta.progressToken, 1, 2, "half")
        return str(request.meta.progressToken)

    steps: list[Any] = []

    async def progress(*step: Any) -> None:
        steps.append(step)

    async with Client(server) as client:
        assert (await client.call_tool("t")).content[0].text == "None"
        assert (await client.call_tool("t", progress_callback=progress)).content[0].text != "None"
    assert steps == [(1, 2, "half")]


# -- notifications ----------------------------------------------------------------------------------------


async def test_a_handler_hears_of_the_clients_progress_in_order(server: Server[Any]):
    heard: list[Any] = []
    enough = anyio.Event()

    @server.progress_notification()
    async def progress(
        token: types.ProgressToken, done: float, total: float | None, message: str | None
    ) -> None:
        heard.append((token, done, total, message))
        if done == 2:
            raise ValueError("a handler that fails ends nothing")
        if done == 3:
            enough.set()

    async with Client(server, era="legacy") as client:
        await client.session.send_progress_notification("t", 1)
        await client.session.send_progress_notification("t", 2, 3, "half")
        await client.session.send_progress_notification(7, 3, 3)
        with anyio.fail_after(5):
            await enough.wait()
        await client.ping()
    assert heard == [("t", 1, None, None), ("t", 2, 3, "half"), (7, 3, 3, None)]


async def test_malformed_notifications_and_those_without_a_handler_are_dropped(server: Server[Any]):
    heard: list[Any] = []

    class Said(types.NotificationParams):
        word: str

    async def hear(params: Said) -> None:
        heard.append(params.word)

    server.add_notification_handler("notifications/said", Said, hear)
    async with connected(server) as client:
        client.connection.notify("notifications/said", {"word": 3})
        client.connection.notify("notifications/other", {})
        client.connection.notify("notifications/said", {"word": "yes"})
        with anyio.fail_after(5):
            while not heard:
                await client.ask("ping")
    assert heard == ["yes"]


async def test_a_resource_is_found_among_the_listed_by_its_url():
    """As in the first SDK's examples: `listed.uri == uri` (2: comparing behaviour with the real SDK)."""
    server: Server[Any] = Server("notes")
    listed = [
        types.Resource(uri=AnyUrl("note://one"), name="one"),
        types.Resource(uri="note://two", name="two"),
    ]

    @server.list_resources()
    async def list_resources() -> list[types.Resource]:
        return listed

    @server.read_resource()
    async def read(uri: AnyUrl) -> str:
        assert isinstance(uri, AnyUrl)
        assert uri != AnyUrl("note://three")
        assert {AnyUrl("note://one"): 1, AnyUrl("note://two"): 2}[uri]
        return next(item.name for item in listed if item.uri == uri and uri == AnyUrl(item.uri))

    async with Client(server) as client:
        for item in await client.list_resources():
            content, _ = await client.read_resource(item.uri)
            assert content == item.name
