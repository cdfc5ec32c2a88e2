# SPDX-License-Identifier: BSD-3-Clause
"""What a token lets its bearer say and see: tokens as principals of the HTTP front. No I/O.

A token for a notebook may open sessions there, list and read its resources and prompts, and call the
tools that its globs name. Of the tools it sees those alone.

Source: SECURITY.md, "Tokens"; RFC 6750 section 3.1 (`insufficient_scope`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..protocol.frames import Frame, Message, Request, Response
from ..protocol.limits import MAX_BODY_BYTES
from ..server.http.access import Principal, Refusal
from .tokens import Token

__all__ = ["MAX_BODY_BYTES_WITHOUT_TOOLS", "OWNER_ID", "Grant", "insufficient_scope", "max_body_bytes"]

MAX_BODY_BYTES_WITHOUT_TOOLS: Final = 64 * 1024
"""The largest body of a token that may call no tools: lists, reads and prompts need far less, and 4 MiB would
hold the event loop for a tenth of a second each."""

OWNER_ID: Final = "jupyter-token"
"""The principal of the Jupyter token, where it is accepted. No token of ours has such an id."""

_INSUFFICIENT: Final = {"WWW-Authenticate": 'Bearer realm="mcp_jupyter", error="insufficient_scope"'}


def insufficient_scope(message: str) -> Refusal:
    """The refusal of a good token that does not reach this far (403)."""
    return Refusal(403, message, _INSUFFICIENT)


def max_body_bytes(token: Token) -> int:
    """The largest body that the bearer of a token may send."""
    return MAX_BODY_BYTES if token.tools else MAX_BODY_BYTES_WITHOUT_TOOLS


@dataclass(frozen=True, slots=True)
class Grant(Principal):
    """The bearer of a token.

    Attributes
    ----------
    token : Token
        What it may do. The principal's id is the token's.
    """

    token: Token = None  # type: ignore[assignment] # `of` is the way to make one

    @classmethod
    def of(cls, token: Token) -> Grant:
        """The grant of a token that was verified."""
        return cls(token.id, max_body_bytes(token), token)

    def check(self, frame: Frame) -> Refusal | None:
        """Refuse the call of a tool outside of the token's scope."""
        if not isinstance(frame, Request) or frame.method != "tools/call":
            return None
        name = frame.params.get("name")
        # What is no name calls nothing: the server says what is wrong with it.
        if not isinstance(name, str) or self.token.may_call(name):
            return None
        return insufficient_scope("This token may not call that tool.")

    def filter(self, request: Request, message: Message) -> Message:
        """Leave tools out of a list that the token may not call."""
        frame = message.frame
        if request.method != "tools/list" or not isinstance(frame, Response):
            return message
        tools = frame.result.get("tools")
        if not isinstance(tools, list):
            return message
        seen = [tool for tool in tools if self._may_see(tool)]
        if len(seen) == len(tools):
            return message
        return Message.of(Response(frame.id, {**frame.result, "tools": seen}), message.related)

    def _may_see(self, tool: object) -> bool:
        name = tool.get("name") if isinstance(tool, dict) else None
        return isinstance(name, str) and self.token.may_call(name)
