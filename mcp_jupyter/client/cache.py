# SPDX-License-Identifier: BSD-3-Clause
"""Results that a server said may be used again for a while, and what ends that sooner.

Owns freshness, invalidation and the bounds on what is kept. Knows no session: it is given results with
their hints, and asked for them.

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
"""Lists are five; the rest are resources a notebook reads again and again."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of all results together, as JSON: some thousand tools and a few large resources."""

MAX_TTL_MS: Final = 24 * 3600 * 1000
"""A day: a mistaken server must not pin what it said for the life of a notebook."""

Key = tuple[str, str | None]
"""A method, and the URI where it has one: what a result depends on."""

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
    """What one client keeps of one server's results, for one authorization.

    Parameters
    ----------
    keep_private : bool
        Whether results of scope "private" are kept: only where each request carries the same credentials.
    clock : callable, optional
        Seconds, monotonic.
    """

    def __init__(self, *, keep_private: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_private = keep_private
        self._clock = clock
        self._entries: dict[Key, _Entry] = {}
        self._size = 0
        self._changes = 0

    @property
    def changes(self) -> int:
        """Rises with each notification of a change: a result asked for before one must not be kept after."""
        return self._changes

    def get(self, key: Key) -> Any:
        """A copy of what is kept and fresh, else None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry.expires:
            self._drop([key])
            return None
        return deepcopy(entry.value)

    def expiry(self, result: CacheableResult) -> float:
        """Until when (by the clock) a result that has just arrived is fresh; in the past when it is not."""
        ttl = result.ttlMs or 0
        # Without a scope nothing is said of who else may see it.
        if ttl <= 0 or (result.cacheScope != "public" and not self._keep_private):
            return 0.0
        return self._clock() + min(ttl, MAX_TTL_MS) / 1000

    def put(self, key: Key, value: Any, expires: float, asked_at: int) -> None:
        """Keep a value until it expires, unless something changed since it was asked for.

        Parameters
        ----------
        asked_at : int
            What `changes` was before the request.
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
        """Drop what a notification makes stale.

        Parameters
        ----------
        uri : str, optional
            Of `notifications/resources/updated`: a resource, or a part of the one subscribed to.
        """
        self._changes += 1
        if method == "notifications/resources/updated" and uri is not None:
            self._drop([key for key in self._entries if key[1] is not None and _related(key[1], uri)])
        stale = _STALE_AFTER.get(method, ())
        self._drop([key for key in self._entries if key[0] in stale])

    def clear(self) -> None:
        """Keep nothing."""
        self._drop(list(self._entries))

    def _drop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if (entry := self._entries.pop(key, None)) is not None:
                self._size -= entry.size


def _related(kept: str, updated: str) -> bool:
    return kept.startswith(updated) or updated.startswith(kept)
