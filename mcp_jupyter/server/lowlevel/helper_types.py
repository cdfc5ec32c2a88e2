# SPDX-License-Identifier: BSD-3-Clause
"""Types that a handler may return in addition to the protocol's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ReadResourceContents"]


@dataclass(frozen=True)
class ReadResourceContents:
    """One part of a resource: its text or bytes, its MIME type and its `_meta`."""

    content: str | bytes
    mime_type: str | None = None
    meta: dict[str, Any] | None = None
