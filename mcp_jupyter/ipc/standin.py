# SPDX-License-Identifier: BSD-3-Clause
"""What a client hears while its notebook's kernel does not serve.

Lists are empty, so that a client shows nothing it could not call; what can be done later is accepted
and remembered in the session; all else gets an error that says what to do. No channel, no waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .._version import __version__
from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR, INVALID_REQUEST
from ..protocol.eras import is_modern, modern_era
from ..protocol.frames import ErrorResponse, Request, Response
from .session import MAX_SUBSCRIPTIONS, Session

__all__ = ["answer"]

_EMPTY: Final[Mapping[str, str]] = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}

_ACCEPTED: Final = frozenset({"ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
"""Legacy era only; modern clients have none of them."""


def answer(request: Request, session: Session, name: str) -> Response | ErrorResponse:
    """Answer in place of the kernel of the notebook called `name`; `session` remembers what it must."""
    try:
        return Response(request.id, _result(request, session, name))
    except McpError as exc:
        return ErrorResponse(request.id, exc.to_dict())


def _result(request: Request, session: Session, name: str) -> dict[str, Any]:
    method = request.method
    if is_modern(method, request.params):
        era = modern_era(request.params)
        if method in _EMPTY:
            server_info = {"name": name, "version": __version__}
            completed: dict[str, Any] = era.complete(method, {_EMPTY[method]: []}, server_info)
            return completed
    elif method in _EMPTY:
        return {_EMPTY[method]: []}
    elif method in _ACCEPTED:
        if not session.granted(request, {}):
            raise McpError(INVALID_REQUEST, f"More than {MAX_SUBSCRIPTIONS} subscriptions in one session.")
        return {}
    raise McpError(
        INTERNAL_ERROR,
        f"The kernel of notebook {name!r} is not serving. Run its cells again, "
        "first the one with `%load_ext mcp_jupyter`, then repeat the request.",
    )
