# SPDX-License-Identifier: BSD-3-Clause
"""What the arguments of a session's methods become as params of requests. Knows no session."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from .. import types

__all__ = ["page", "seconds", "unwrapped", "wire", "without_bytes"]

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
