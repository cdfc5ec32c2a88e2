# SPDX-License-Identifier: BSD-3-Clause
"""What a handler may return beside the protocol's own types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ReadResourceContents"]


@dataclass(frozen=True)
class ReadResourceContents:
    """One part of a resource: text or bytes, its MIME type, and its `_meta`."""

    content: str | bytes
    mime_type: str | None = None
    meta: dict[str, Any] | None = None
