# SPDX-License-Identifier: BSD-3-Clause
"""What the arguments of a session's methods become as params of requests. Knows no session."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from .. import types
from ..engine.connection import ProgressCallback
from .requests import Conversation

__all__ = [
    "Messages",
    "page",
    "seconds",
    "unwrapped",
    "wire",
    "without_bytes",
]


_ATOMS: Final = frozenset({str, int, float, bool, type(None)})


def page(cursor: str | None, params: types.PaginatedRequestParams | None) -> dict[str, Any]:
    """The params of a request for a page.

    Raises
    ------
    ValueError
        Both a cursor and params are given.
    """
    if params is None:
        return {} if cursor is None else {"cursor": cursor}
    if cursor is not None:
        raise ValueError("Give cursor or params, not both: params has a cursor.")
    return wire(params)


def seconds(time: timedelta | float | None) -> float | None:
    """A time-out as seconds."""
    return time.total_seconds() if isinstance(time, timedelta) else time


def unwrapped(message: Any) -> Any:
    """A request or notification out of the union that the first-generation SDK wraps it in."""
    return getattr(message, "root", message)


def wire(params: Mapping[str, Any] | types.WireModel | None) -> dict[str, Any]:
    """Params as they travel."""
    if isinstance(params, types.WireModel):
        return params.model_dump(by_alias=True, exclude_none=True, mode="json")
    return dict(params or {})


def without_bytes(value: Any) -> Any:
    """The same with its bytes as base64 text in the common alphabet, which every decoder takes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict) and not _ATOMS.issuperset(map(type, value.values())):
        return {key: without_bytes(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not _ATOMS.issuperset(map(type, value)):
        return [without_bytes(item) for item in value]
    return value


# -- messages ------------------------------------------------------------------------------------
#
# Requests and notifications of any method, which a session sends as they are given.

_Result = TypeVar("_Result", bound=types.Result)


class Messages:
    """The part of a session that knows no method; `ClientSession` is one."""

    _conversation: Conversation

    async def send_request(
        self,
        method: str | types.Request | types.ClientRequest,
        params: Mapping[str, Any] | types.WireModel | type[_Result] | None = None,
        result_type: type[_Result] = types.Result,  # type: ignore[assignment]
        request_read_timeout_seconds: timedelta | float | None = None,
        *,
        timeout: float | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> _Result:
        """Ask any method, also one that is no part of the protocol.

        Parameters
        ----------
        method : str or model
            A `types.Request` stands for its method and params; then the second argument is the result's type.
        params : mapping or model, optional
        result_type : type
            The model that the answer is read into; `types.Result` keeps all members.
        timeout, request_read_timeout_seconds, progress_callback
            As for `call_tool`.
        """
        if not isinstance(method, str):
            result_type = params if isinstance(params, type) else result_type
            request: types.Request = unwrapped(method)
            method, params = request.method, request.params
        assert not isinstance(params, type), "a method is followed by its params"
        return await self._conversation.ask(
            method,
            wire(params),
            result_type,
            timeout=seconds(request_read_timeout_seconds) if timeout is None else timeout,
            on_progress=progress_callback,
        )

    async def send_notification(
        self, notification: types.Notification | types.ClientNotification, related_request_id: Any = None
    ) -> None:
        """Send a notification, of the protocol or of your own; one that the version lacks is not sent."""
        told = unwrapped(notification)
        self._conversation.tell(told.method, wire(told.params))

    async def send_progress_notification(
        self,
        progress_token: types.ProgressToken,
        progress: float,
        total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Report progress under a token that the server gave (legacy versions)."""
        said = {"progressToken": progress_token, "progress": progress, "total": total, "message": message}
        given = {name: value for name, value in said.items() if value is not None}
        self._conversation.tell("notifications/progress", given)

    async def send_roots_list_changed(self) -> None:
        """Tell the server that the roots changed (legacy versions; a modern server asks when it likes)."""
        self._conversation.tell("notifications/roots/list_changed", {})
