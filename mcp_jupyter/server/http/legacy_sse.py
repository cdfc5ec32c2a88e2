# SPDX-License-Identifier: BSD-3-Clause
"""Handle HTTP+SSE, the transport of 2024-11-05: a stream that is the session, and a URL to post to.

Its clients may use any legacy protocol version; the modern era does not have this transport.

Source: spec 2024-11-05, basic/transports, "HTTP with SSE".
"""

from __future__ import annotations

from urllib.parse import quote

from ...errors import METHOD_NOT_FOUND, FrameError, McpError, McpJupyterError
from ...protocol import sse
from ...protocol.eras import is_modern
from ...protocol.frames import ErrorResponse, Frame, Message, Request, classify, parse
from .admission import Refusal
from .base_handler import BaseHandler, EventStreamHandler, HttpFront, accepts, one_line, split
from .sessions import Endpoint, SseSession

__all__ = ["SESSION_KEY", "MessagesHandler", "SseHandler"]

SESSION_KEY = "session_key"
"""Query parameter with the session's id. "key" in its name makes Jupyter Server hide it in its log."""


class SseHandler(EventStreamHandler):
    """The handler of the stream; the session ends with it."""

    SUPPORTED_METHODS = ("GET",)

    def initialize(
        self,
        front: HttpFront,
        endpoint: Endpoint | None = None,
        sse_path: str = "/sse",
        messages_path: str = "/messages",
    ) -> None:
        """Take the arguments of the route.

        Parameters
        ----------
        sse_path, messages_path : str
            The end of this handler's URL, and the end of its `MessagesHandler`'s URL.
        """
        super().initialize(front, endpoint)
        self._sse_path = sse_path
        self._messages_path = messages_path

    async def get(self, *path: str) -> None:
        """Open a session, and stream its messages until the client leaves."""
        if not accepts(self.request.headers.get("Accept"), "text/event-stream"):
            raise Refusal(406, "The client must accept text/event-stream.")
        session = self.endpoint.sessions.add(self.principal, SseSession)
        try:
            session.start(await self.endpoint.open())
            session.establish()
            session.reading = True
            url = f"{self._prefix}{self._messages_path}?{SESSION_KEY}={quote(session.id)}"
            await self.pump(session.standalone, sse.encode(url.encode(), event="endpoint"))
        except McpJupyterError as exc:
            raise Refusal(503, str(exc)) from exc
        finally:
            session.close()

    @property
    def _prefix(self) -> str:
        """The URL's path before `sse_path`: Jupyter's base URL and the notebook's name are part of it."""
        return self.request.path.rstrip("/").removesuffix(self._sse_path.rstrip("/"))


class MessagesHandler(BaseHandler):
    """The handler of a client's messages; the answers go on the stream of its `SseHandler`."""

    SUPPORTED_METHODS = ("POST",)

    async def post(self, *path: str) -> None:
        """Deliver one message, or a batch, and acknowledge it."""
        body = self.take_body()
        session = self._session()
        try:
            value = parse(body)
            if type(value) is list:
                batch = split(value, self.principal)
                messages = batch.accepted
                for refused in batch.refused:
                    session.tell(refused)
            else:
                frame = classify(value)
                self.era, self.method = "sse", getattr(frame, "method", "")
                self.principal.authorise(frame)
                messages = [(frame, one_line(body))]
        except FrameError as exc:
            raise Refusal.of(exc, 400, exc.request_id) from None
        for frame, raw in messages:
            self._deliver(session, frame, raw)
        await self.reply(status=202)

    def _deliver(self, session: SseSession, frame: Frame, raw: bytes) -> None:
        if isinstance(frame, Request) and is_modern(frame.method, frame.params):
            # A client that asks for the modern era falls back to `initialize` on this answer.
            error = McpError(METHOD_NOT_FOUND, "This transport has only the versions with initialize.")
            session.tell(Message.of(ErrorResponse(frame.id, error.to_dict())))
        else:
            session.deliver(frame, raw, session.standalone, self.principal)

    def _session(self) -> SseSession:
        keys = self.get_query_arguments(SESSION_KEY)
        if len(keys) != 1:
            raise Refusal(400, f"The URL must have one {SESSION_KEY}; it comes as the stream's first event.")
        session = self.endpoint.sessions.get(keys[0], self.principal, SseSession)
        if session is None:
            raise Refusal(404, "Unknown stream; open a new one.")
        return session
