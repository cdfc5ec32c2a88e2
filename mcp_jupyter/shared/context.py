# SPDX-License-Identifier: BSD-3-Clause
"""The type of the context that callbacks and handlers receive, for annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from typing_extensions import TypeVar

from ..types import RequestId

__all__ = ["RequestContext"]

S = TypeVar("S", covariant=True, default=Any)
L = TypeVar("L", covariant=True, default=Any)
R = TypeVar("R", covariant=True, default=Any)


class RequestContext(Protocol[S, L, R]):
    """The current request, in a client's callback or in a server's handler.

    As in the SDK, its parameters are the types of session, lifespan context and HTTP request:
    `RequestContext[ClientSession, None]`.
    """

    @property
    def request_id(self) -> RequestId:
        """The request's id."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """The request's `_meta`."""

    @property
    def session(self) -> S:
        """The session that received the request."""

    @property
    def lifespan_context(self) -> L:
        """The value that the server's lifespan yielded; None at a client."""
