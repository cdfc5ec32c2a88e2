# SPDX-License-Identifier: BSD-3-Clause
"""Cache results for as long as the server allows, and drop them when it reports a change.

A server says with `ttlMs` and `cacheScope` how long a result may be used again, and for whom. `Client`
decides which results to put in; this module decides what is fresh, what a notification invalidates, and how
much is kept.

Source: spec 2026-07-28, server/utilities/caching.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from ..protocol.frames import dumps
from ..types import CacheableResult

__all__ = ["Key", "ResultCache"]

MAX_ENTRIES: Final = 256
"""There are five lists; the rest are resources that a notebook reads again and again."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of all results together, as JSON: enough for some thousand tools and a few large resources."""

MAX_TTL_MS: Final = 24 * 3600 * 1000
"""Milliseconds (a day): a wrong `ttlMs` must not keep a result for the lifetime of a notebook."""

Key = tuple[str, str | None]
"""What a result depends on: the method, and the URI of a resource (else None)."""

_STALE_AFTER: Final = {
    "notifications/tools/list_changed": ("tools/list",),
    "notifications/prompts/list_changed": ("prompts/list",),
    "notifications/resources/list_changed": ("resources/list", "resources/templates/list", "resources/read"),
}


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any
    expires: float
    size: int


class ResultCache:
    """The results of one server that one client keeps.

    Parameters
    ----------
    keep_private : bool
        Whether results of scope "private" are kept. True only if all requests carry the same credentials.
    clock : callable, optional
        Returns monotonic seconds.
    """

    def __init__(self, *, keep_private: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_private = keep_private
        self._clock = clock
        self._entries: dict[Key, _Entry] = {}
        self._size = 0
        self._changes = 0

    @property
    def changes(self) -> int:
        """Number of changes reported so far. A result requested before a change must not be kept after it."""
        return self._changes

    def get(self, key: Key) -> Any:
        """Return a copy of the value if it is kept and fresh, else None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry.expires:
            self._drop([key])
            return None
        return deepcopy(entry.value)

    def expiry(self, result: CacheableResult) -> float:
        """Return the clock's time until which a new result is fresh; 0 if it must not be kept."""
        ttl = result.ttlMs or 0
        # A result without a scope is private.
        if ttl <= 0 or (result.cacheScope != "public" and not self._keep_private):
            return 0.0
        return self._clock() + min(ttl, MAX_TTL_MS) / 1000

    def put(self, key: Key, value: Any, expires: float, asked_at: int) -> None:
        """Keep a value until it expires, unless a change was reported since it was requested.

        Parameters
        ----------
        expires : float
            The result of `expiry`.
        asked_at : int
            The value of `changes` before the request.
        """
        self._drop([key])
        if asked_at != self._changes or self._clock() >= expires:
            return
        size = len(dumps(value))
        if size > MAX_BYTES:
            return
        while self._entries and (len(self._entries) >= MAX_ENTRIES or self._size + size > MAX_BYTES):
            self._drop([next(iter(self._entries))])  # the oldest
        self._entries[key] = _Entry(deepcopy(value), expires, size)
        self._size += size

    def changed(self, method: str, uri: str | None = None) -> None:
        """Drop the results that a notification makes stale.

        Parameters
        ----------
        method : str
            The method of the notification.
        uri : str, optional
            The URI in `notifications/resources/updated`: a resource, or a part of the subscribed one.
        """
        self._changes += 1
        if method == "notifications/resources/updated" and uri is not None:
            self._drop([key for key in self._entries if key[1] is not None and _related(key[1], uri)])
        stale = _STALE_AFTER.get(method, ())
        self._drop([key for key in self._entries if key[0] in stale])

    def clear(self) -> None:
        """Drop all results."""
        self._drop(list(self._entries))

    def _drop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if (entry := self._entries.pop(key, None)) is not None:
                self._size -= entry.size


def _related(kept: str, updated: str) -> bool:
    return kept.startswith(updated) or updated.startswith(kept)
