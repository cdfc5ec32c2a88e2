# SPDX-License-Identifier: BSD-3-Clause
"""The handlers in front of Jupyter's `APIHandler`: no hook of Jupyter's lets anybody in or adds a header.

The extension's own tests do this within a Jupyter Server; here it is the seam alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from mcp_jupyter.server.http.admission import Principal, Refusal, StandaloneAuthenticator
from mcp_jupyter.server.http.base_handler import HttpFront
from mcp_jupyter.server.http.legacy_sse import MessagesHandler, SseHandler
from mcp_jupyter.server.http.sessions import Endpoint
from mcp_jupyter.server.http.streamable import StreamableHandler

from .conftest import Front
from .test_admission import TOKEN, clean
from .test_sse import INITIALIZE, said
from .test_streamable_legacy import text
from .wire import call, connect, initialize

pytestmark = pytest.mark.anyio


class Named:
    """Finds an endpoint by the URL, as the extension will."""

    path_args: list[str]
    settings: dict[str, Any]

    async def find_endpoint(self, principal: Principal) -> Endpoint:
        endpoint: Endpoint | None = self.settings["endpoints"].get(self.path_args[0])
        if endpoint is None:
            raise Refusal(404, "There is no such notebook.")
        return endpoint


class NotebookHandler(Named, StreamableHandler, APIHandler):
    get = allow_unauthenticated(StreamableHandler.get)
    post = allow_unauthenticated(StreamableHandler.post)
    delete = allow_unauthenticated(StreamableHandler.delete)


class NotebookSseHandler(Named, SseHandler, APIHandler):
    get = allow_unauthenticated(SseHandler.get)


class NotebookMessagesHandler(Named, MessagesHandler, APIHandler):
    post = allow_unauthenticated(MessagesHandler.post)


BASE = "/user/x/mcp-jupyter"


@pytest.fixture
async def port(front: Front) -> AsyncIterator[int]:
    """A tornado application with what Jupyter would put into its settings to open doors."""
    [listening] = bind_sockets(0, "127.0.0.1")
    port: int = listening.getsockname()[1]
    shared = {"front": HttpFront(StandaloneAuthenticator.at(port, TOKEN))}
    app = Application(
        [
            (f"{BASE}/([^/]+)", NotebookHandler, shared),
            (f"{BASE}/([^/]+)/sse", NotebookSseHandler, shared),
            (f"{BASE}/([^/]+)/messages", NotebookMessagesHandler, shared),
        ],
        endpoints={"sales": front.endpoint},
        base_url="/user/x/",
        headers={"Access-Control-Allow-Origin": "*"},
        allow_origin="*",
        allow_credentials=True,
        allow_remote_access=True,
        xsrf_cookies=True,
        cookie_secret="secret",
    )
    http = HTTPServer(app)
    http.add_sockets([listening])
    yield port
    http.stop()
    await front.endpoint.close()
    await shared["front"].idle()
    await http.close_all_connections()


KEY = {"Authorization": f"Bearer {TOKEN}"}


async def test_both_transports_work(port: int) -> None:
    async with connect(port) as wire, connect(port) as stream:
        reply = await wire.post(INITIALIZE, KEY, f"{BASE}/sales")
        clean(reply)
        session = {**KEY, "Mcp-Session-Id": reply.header("Mcp-Session-Id") or ""}
        reply = await wire.post(call(1, "progress", {"steps": 1}, progressToken=1), session, f"{BASE}/sales")
        assert (reply.header("Content-Type"), text(reply.events[-1])) == ("text/event-stream", "done")
        clean(reply)
        await stream.send("GET", f"{BASE}/sales/sse", KEY)
        clean(await stream.head())
        _, url = await stream.event()
        assert url.startswith(f"{BASE}/sales/messages?session_key=")
        assert (await wire.post(INITIALIZE, KEY, url)).status == 202
        assert (await said(stream))["id"] == 0
        reply = await wire.request("DELETE", f"{BASE}/sales", session)
        assert reply.status == 204
        clean(reply)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Cookie": "username-x=y; _xsrf=z"}, 401),
        ({**KEY, "Origin": "https://evil.example"}, 403),
        ({**KEY, "Host": "evil.example"}, 400),
    ],
    ids=["nothing", "a cookie", "a foreign origin", "two hosts"],
)
async def test_nothing_of_jupyters_lets_anybody_in(port: int, headers: dict[str, str], status: int) -> None:
    async with connect(port) as wire:
        reply = await wire.post(INITIALIZE, headers, f"{BASE}/sales")
        assert reply.status == status
        clean(reply)


async def test_unknown_names_and_verbs(port: int) -> None:
    async with connect(port) as wire:
        for verb, path, status in [
            ("GET", "nobody", 404),
            ("OPTIONS", "sales", 405),
            ("PUT", "sales", 405),
            ("HEAD", "sales/sse", 405),
        ]:
            async with connect(port) as wire:
                reply = await wire.request(verb, f"{BASE}/{path}", {**KEY, "Accept": "*/*"})
                assert reply.status == status
                clean(reply)


def test_each_verb_is_marked_for_jupyter() -> None:
    for handler in (NotebookHandler, NotebookSseHandler, NotebookMessagesHandler):
        for verb in (*handler.SUPPORTED_METHODS, "OPTIONS"):
            assert getattr(getattr(handler, verb.lower()), "__allow_unauthenticated", False)


async def test_initialize_is_served_through_the_plain_front_as_well(front: Front) -> None:
    async with connect(front.port) as wire:
        assert await initialize(wire)
