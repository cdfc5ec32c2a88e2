# SPDX-License-Identifier: BSD-3-Clause
"""The clients that one session has heard of: what they say of themselves, and since when.

A legacy session has one client, which stays until the session ends. In the modern era each request names its
client, and one channel may carry several: such a client is there as long as it keeps asking.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["SeenClients"]

MAX_CLIENTS: Final = 16
"""Of one session: an endpoint that several hosts share has a handful."""

MAX_CHARS: Final = 80
"""Of a name and of a version, which are foreign text."""

QUIET_SECONDS: Final = 600.0
"""After so long without a request a modern client counts as gone: it does not say when it leaves."""


@dataclass(slots=True)
class _Seen:
    since: float
    last: float


class SeenClients:
    """Keeps what clients say of themselves. Belongs to the event loop's thread, `said` to any."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}

    def note(self, info: Mapping[str, Any], *, stays: bool = False) -> None:
        """A client with this `clientInfo` asked; `stays` for one that is there until the session ends."""
        name, version = info.get("name"), info.get("version")
        if not isinstance(name, str) or not name:
            return
        key = (name[:MAX_CHARS], version[:MAX_CHARS] if isinstance(version, str) else "")
        now = time.time()
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= MAX_CLIENTS:
                del self._seen[min(self._seen, key=lambda each: self._seen[each].last)]
            seen = self._seen[key] = _Seen(now, now)
        if stays:
            seen.last = math.inf
        elif seen.last < now:
            seen.last = now

    def said(self) -> list[dict[str, str]]:
        """Those that are there now: `name`, `version`, and `since` as a time in UTC; fit to be shown."""
        oldest = time.time() - QUIET_SECONDS
        return [
            {"name": _plain(name), "version": _plain(version), "since": _time(seen.since)}
            for (name, version), seen in list(self._seen.items())
            if seen.last >= oldest
        ]


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
