# SPDX-License-Identifier: BSD-3-Clause
"""A model on loopback that plays a script to whichever host asks it. Checks no key, and knows no host."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from .formats import MODEL, Format, format_of
from .turns import Answer, Turn

__all__ = ["Play", "Script", "fake_model"]

Play = Generator[Answer, Turn, None]
Script = Callable[[Turn], Play]
"""Takes the first turn and yields the answer to it, is sent the next turn, and so on."""


class _Player:
    """Keeps each answer, because hosts repeat requests and ask on the side.

    The number of results that a conversation holds says which answer is due.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._play: Play | None = None
        self._answers: dict[int, Answer] = {}

    def answer(self, turn: Turn) -> Answer:
        if not turn.tools:
            return "A title"
        due = len(turn.results)
        if due not in self._answers:
            self._answers[due] = self._next(turn)
        return self._answers[due]

    def _next(self, turn: Turn) -> Answer:
        try:
            if self._play is None:
                self._play = self._script(turn)
                return next(self._play)
            return self._play.send(turn)
        except StopIteration:
            return "That was all."


class _Handler(RequestHandler):
    def initialize(self, player: _Player) -> None:
        self._player = player

    def head(self) -> None:
        """Answer a host that looks whether somebody is there."""

    def get(self) -> None:
        self.write({"object": "list", "data": [{"id": MODEL, "object": "model", "type": "model"}]})

    def post(self) -> None:
        path = self.request.path
        spoken = format_of(path)
        if spoken is None:
            self.write({"input_tokens": 1, "totalTokens": 1})  # a host counts before it asks
            return
        body = json.loads(self.request.body)
        turn = spoken.turn(body)
        answer, id = self._player.answer(turn), f"call{len(turn.results):04}"
        if body.get("stream") or "stream" in path:
            self.set_header("Content-Type", "text/event-stream")
            self.write("".join(_lines(spoken, answer, id)))
        else:
            self.write(spoken.whole(answer, id))


def _lines(spoken: Format, answer: Answer, id: str) -> Iterator[str]:
    for name, event in spoken.events(answer, id):
        if spoken.named_events:
            yield f"event: {name}\ndata: {json.dumps({'type': name, **event})}\n\n"
        else:
            yield f"data: {json.dumps(event)}\n\n"
    if "choices" in event:
        yield "data: [DONE]\n\n"


@contextmanager
def fake_model(script: Script) -> Iterator[str]:
    """Play a script; gives the model's base URL."""
    with start_blocking_portal() as portal:
        server, port = portal.call(_listen, _Player(script))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            portal.call(server.stop)
            portal.call(server.close_all_connections)


async def _listen(player: _Player) -> tuple[HTTPServer, int]:
    application = Application([(".*", _Handler, {"player": player})])
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application, decompress_request=True)
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]
