# SPDX-License-Identifier: BSD-3-Clause
"""What the bearer of a token may call and see: tokens as principals of the HTTP front. No I/O.

A token for a notebook may open sessions there, and use the tools, resources and prompts that its globs name.
Lists and errors show it only those.

Source: RFC 6750 section 3.1 (`insufficient_scope`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..aggregate.catalog import LISTS
from ..aggregate.scope import EVERYTHING, Scope, narrowed, out_of_scope, sees
from ..errors import OutOfScope
from ..protocol.frames import ErrorResponse, Frame, Message, Request, Response
from ..protocol.limits import MAX_BODY_BYTES, MAX_SMALL_BODY_BYTES
from ..protocol.rights import Rights
from ..server.constant_tools import stands_for
from ..server.http.admission import INSUFFICIENT_SCOPE, Principal, Refusal
from .tokens import Token

__all__ = [
    "OWNER_ID",
    "Grant",
    "insufficient_scope",
    "max_body_bytes",
    "scope_of",
]

OWNER_ID: Final = "jupyter-token"
"""The principal of the Jupyter token, if it is accepted. Our tokens cannot have this id."""


def insufficient_scope(message: str) -> Refusal:
    """Return the refusal (403) of a valid token whose scope does not include what was asked."""
    return Refusal(403, message, {"WWW-Authenticate": INSUFFICIENT_SCOPE})


def max_body_bytes(token: Token) -> int:
    """Return how many bytes the bearer of a token may send in one body."""
    return MAX_BODY_BYTES if token.tools else MAX_SMALL_BODY_BYTES


@dataclass(frozen=True, slots=True)
class Grant(Principal):
    """The bearer of a token.

    Attributes
    ----------
    token : Token
        Its scope. The principal's id is the token's.
    """

    token: Token = None  # type: ignore[assignment] # `of` is the way to make one

    @classmethod
    def of(cls, token: Token) -> Grant:
        """Return the grant of a verified token."""
        return cls(token.id, max_body_bytes(token), token.label, token)

    def check(self, frame: Frame) -> Refusal | None:
        """Refuse a request for something outside of the token's scope."""
        if not isinstance(frame, Request):
            return None
        kind = out_of_scope(self.token, frame.method, frame.params)
        # A constant tool that the token does not name is judged by the request that it stands for.
        if (
            kind is not None
            and frame.method == "tools/call"
            and (used := stands_for(frame.params)) is not None
        ):
            kind = out_of_scope(self.token, *used)
        return None if kind is None else insufficient_scope(OutOfScope(kind).message)

    @property
    def rights(self) -> Rights:
        """The token's rights, for the kernel: only it can tell what a tool stands for."""
        return self.token.rights

    def filter(self, request: Request, message: Message) -> Message:
        """Remove from lists, and from errors that list names, everything that the token may not use."""
        frame = message.frame
        if isinstance(frame, ErrorResponse):
            error = narrowed(self.token, frame.error.get("data"))
            return message if error is None else _replaced(message, ErrorResponse(frame.id, error.to_dict()))
        key = LISTS.get(request.method)
        if key is None or not isinstance(frame, Response):
            return message
        items = frame.result.get(key)
        if not isinstance(items, list):
            return message
        seen = [item for item in items if sees(self.token, key, item)]
        if len(seen) == len(items):
            return message
        return _replaced(message, Response(frame.id, {**frame.result, key: seen}))


def scope_of(principal: Principal) -> Scope:
    """Return the scope of an admitted principal: the token's, or everything for the Jupyter token."""
    return principal.token if isinstance(principal, Grant) else EVERYTHING


def _replaced(message: Message, frame: Frame) -> Message:
    return Message.of(frame, message.related)
