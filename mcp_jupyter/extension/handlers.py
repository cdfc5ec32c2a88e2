# SPDX-License-Identifier: BSD-3-Clause
"""The machine door's handlers, and the route table of both doors.

Owns how the HTTP front of `server.http` stands in a Jupyter Server: which notebook a URL names, and that
Jupyter's login does not apply. What a request may do is the guard's, what it means the front's.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from tornado.web import RequestHandler

from ..ipc.rendezvous import CALLBACK_PATH
from ..server.http.base_handler import Door, DoorHandler
from ..server.http.endpoint import Endpoint
from ..server.http.legacy_sse import MessagesHandler, SseHandler
from ..server.http.streamable import StreamableHandler
from .api import ServersHandler, TokenHandler, TokensHandler
from .grants import scope_of
from .oauth_callback import CallbackHandler
from .private import LoggedHandler
from .token_auth import NotebookDoor, keep_logged_headers_fit, keep_logs_fit

__all__ = [
    "HubHandler",
    "HubMessagesHandler",
    "HubSseHandler",
    "NotebookHandler",
    "NotebookMessagesHandler",
    "NotebookSseHandler",
    "routes",
]

Route = tuple[str, type[RequestHandler], dict[str, Any]]


# Jupyter's `prepare`, which lets people in, is never called: `DoorHandler` has its own.


class _AtDoor(LoggedHandler, DoorHandler):
    """What the handlers below have in common."""

    door: NotebookDoor

    def initialize(self, door: Door, endpoint: Endpoint | None = None) -> None:
        """Take what the route carries."""
        keep_logs_fit(self.request)
        super().initialize(door, endpoint)

    def before_log(self) -> None:
        """Let no log have a token, or a header of any length."""
        keep_logged_headers_fit(self.request)


class _OfNotebook(_AtDoor):
    """A handler whose URL names a notebook."""

    async def prepare(self) -> None:
        """Take the name in the spelling that notebooks have (NFC), then admit the request."""
        self.path_args[0] = unicodedata.normalize("NFC", self.path_args[0])
        await super().prepare()

    async def find_endpoint(self) -> Endpoint:
        """The endpoint of the notebook in the URL."""
        return await self.door.notebooks.endpoint(self.path_args[0], scope_of(self.principal))


class NotebookHandler(_OfNotebook, StreamableHandler, APIHandler):  # type: ignore[misc]
    """Streamable HTTP of one notebook."""

    get = allow_unauthenticated(StreamableHandler.get)
    post = allow_unauthenticated(StreamableHandler.post)
    delete = allow_unauthenticated(StreamableHandler.delete)


class NotebookSseHandler(_OfNotebook, SseHandler, APIHandler):  # type: ignore[misc]
    """HTTP+SSE of one notebook: the stream."""

    get = allow_unauthenticated(SseHandler.get)


class NotebookMessagesHandler(_OfNotebook, MessagesHandler, APIHandler):  # type: ignore[misc]
    """HTTP+SSE of one notebook: what a client posts."""

    post = allow_unauthenticated(MessagesHandler.post)


class _OfHub(_AtDoor):
    """A handler of all live notebooks."""

    async def find_endpoint(self) -> Endpoint:
        """The hub's endpoint."""
        return await self.door.notebooks.hub()


class HubHandler(_OfHub, StreamableHandler, APIHandler):  # type: ignore[misc]
    """Streamable HTTP of the hub."""

    get = allow_unauthenticated(StreamableHandler.get)
    post = allow_unauthenticated(StreamableHandler.post)
    delete = allow_unauthenticated(StreamableHandler.delete)


class HubSseHandler(_OfHub, SseHandler, APIHandler):  # type: ignore[misc]
    """HTTP+SSE of the hub: the stream."""

    get = allow_unauthenticated(SseHandler.get)


class HubMessagesHandler(_OfHub, MessagesHandler, APIHandler):  # type: ignore[misc]
    """HTTP+SSE of the hub: what a client posts."""

    post = allow_unauthenticated(MessagesHandler.post)


def routes(door: NotebookDoor, human: dict[str, Any]) -> list[Route]:
    """All routes of the extension, below the server's base URL.

    Parameters
    ----------
    door : NotebookDoor
        The machine door.
    human : dict
        What the handlers of the human door share.
    """
    machine = {"door": door}
    root, name = r"/mcp-jupyter", r"/mcp-jupyter/([^/]+)"
    return [
        (rf"{root}/api/servers", ServersHandler, human),
        (rf"{root}/api/tokens", TokensHandler, human),
        (rf"{root}/api/tokens/([^/]+)", TokenHandler, human),
        (rf"/{CALLBACK_PATH}", CallbackHandler, human),
        (rf"{root}/?", HubHandler, machine),
        (rf"{root}/sse/?", HubSseHandler, machine),
        (rf"{root}/messages/?", HubMessagesHandler, machine),
        (rf"{name}/?", NotebookHandler, machine),
        (rf"{name}/sse/?", NotebookSseHandler, machine),
        (rf"{name}/messages/?", NotebookMessagesHandler, machine),
    ]
