# SPDX-License-Identifier: BSD-3-Clause
"""The HTTP+SSE transport of 2024-11-05: messages come in one event stream and go out as POSTs.

The stream is opened first; its `endpoint` event names the URL for POSTs. The transport is deprecated since
2025-03-26, but many hosts and servers still use it.

Source: spec 2024-11-05, basic/transports ("HTTP with SSE").
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

import anyio
import httpx2
from anyio.abc import TaskGroup, TaskStatus

from .._util.tasks import owned_tasks
from ..errors import ConnectionClosed, McpError
from ..protocol.frames import Message, Request
from ..protocol.limits import MAX_REFUSAL_BYTES, SEND_TIMEOUT_SECONDS
from ..protocol.sse import Event
from .http import FOREIGN, HttpChannel, http_client, media_type, origin_of, read_at_most, server_url
from .streamable_http import events
from .transport import ReadHalf, WriteHalf, halves

__all__ = ["sse_client"]

EVENTS: Final = "text/event-stream"

SIGN_IN_SECONDS: Final = 300.0
"""Seconds for the stream to open with `auth`: the user may have to sign in first."""

ENDING_SECONDS: Final = 1.0
"""Seconds that a failed POST waits for the stream to end too, which shows that the server is gone."""


@asynccontextmanager
async def sse_client(
    url: str,
    headers: Mapping[str, str] | None = None,
    timeout: float = 5.0,
    sse_read_timeout: float = 300.0,
    auth: httpx2.Auth | None = None,
) -> AsyncIterator[tuple[ReadHalf, WriteHalf]]:
    """Connect to a server over HTTP+SSE.

    Parameters
    ----------
    url : str
        The URL of the event stream. The server names the URL for POSTs.
    headers : mapping, optional
        Sent with the stream's request and with each POST. They never leave the URL's origin, and no error
        or log message repeats them.
    timeout : float
        Seconds for the stream to open and to name the endpoint, and for the server to take a POST.
    sse_read_timeout : float
        Seconds of silence after which the stream is given up.
    auth : httpx2.Auth, optional
        Adds credentials to each request; they are kept out of errors and log messages too. With it the
        stream has `SIGN_IN_SECONDS` to open, because the user may have to sign in.

    Yields
    ------
    read, write
        For `ClientSession`.

    Raises
    ------
    ConnectionClosed
        The stream could not be opened; the message says why.
    ValueError
        The URL is not an http(s) URL.
    """
    target = server_url(url)
    async with http_client(target, headers, timeout, sse_read_timeout, auth) as client:
        channel = _Sse(client, target)
        async with owned_tasks() as tasks:
            tasks.start_soon(channel.pump, tasks)
            try:
                await channel.open_stream(tasks, timeout if auth is None else SIGN_IN_SECONDS)
                yield halves(channel)
            finally:
                channel.close()
                await channel.flush()


class _Sse(HttpChannel):
    """The channel over one stream."""

    def __init__(self, client: httpx2.AsyncClient, url: httpx2.URL) -> None:
        super().__init__(client, url)
        self._ended = anyio.Event()

    def headers_of(self, message: Message) -> dict[str, str]:
        return {"Content-Type": "application/json"}

    async def answer(self, request: Request, response: httpx2.Response) -> None:
        if not response.is_success:
            raise await self.refusal(response)
        # The result comes in the stream. If this body stayed unread, the connection could not be used again.
        with anyio.move_on_after(SEND_TIMEOUT_SECONDS):
            await read_at_most(response, MAX_REFUSAL_BYTES)

    async def open(self, method: str, headers: Mapping[str, str], content: bytes = b"") -> httpx2.Response:
        try:
            return await super().open(method, headers, content)
        except FOREIGN:
            # When a server dies, it is chance whether the POST or the stream ends first. Callers get the same
            # error in both cases: that of the stream.
            if self.started.is_set():
                with anyio.move_on_after(ENDING_SECONDS):
                    await self._ended.wait()
            raise

    async def open_stream(self, tasks: TaskGroup, timeout: float) -> None:
        """Open the stream, and wait until it has named the endpoint."""
        try:
            with anyio.fail_after(timeout):
                await tasks.start(self.listen)
        except TimeoutError:
            raise ConnectionClosed(f"{self.where} named no endpoint within {timeout:g} s.") from None

    async def listen(self, *, task_status: TaskStatus[None]) -> None:
        """Open the stream, learn the endpoint, then deliver messages until the stream ends."""
        opened = False
        try:
            async with (
                aclosing(await self.open("GET", {"Accept": EVENTS})) as response,
                aclosing(events(response)) as stream,
            ):
                if not response.is_success:
                    raise await self.refusal(response)
                if media_type(response) != EVENTS:
                    raise ConnectionClosed(f"{self.where} answered without an event stream.")
                async for event in stream:
                    if opened:
                        self._take(event)
                    elif event.event == "endpoint":
                        self.url = self._endpoint(response.url, event.data)
                        opened = True
                        task_status.started()
                        await self.started.wait()
            reason = f"{self.where} ended the event stream."
        except McpError as exc:
            reason = exc.message
        except FOREIGN as exc:
            reason = self.as_mcp_error(exc).message
        if not opened:
            raise ConnectionClosed(reason)
        self.lost(reason)
        self._ended.set()

    def _take(self, event: Event) -> None:
        if event.event == "message" and event.data:
            self.receive(event.data.encode())

    def _endpoint(self, stream: httpx2.URL, reference: str) -> httpx2.URL:
        """Return the URL for POSTs. Refuse another origin: it would get the credentials for this one."""
        endpoint = stream.join(reference)
        if origin_of(endpoint) != self.where:
            raise ConnectionClosed(f"{self.where} names an endpoint on another origin; refused.")
        return endpoint
