# SPDX-License-Identifier: BSD-3-Clause
"""What names and describes things for people: titles, icons, annotations. Knows none of the things."""

from typing import Literal, TypeAlias

from ._base import Number, WireModel

__all__ = ["Annotations", "BaseMetadata", "Icon", "Role"]

Role: TypeAlias = Literal["user", "assistant"]
"""Sender or addressee of a message in a conversation with a model."""


class Annotations(WireModel):
    """Hints for the client: for whom content is, how much it matters (0 to 1), when it changed (ISO 8601)."""

    audience: list[Role] | None = None
    priority: Number | None = None
    lastModified: str | None = None


class Icon(WireModel):
    """An image to show beside a name. `src` is an `https:` or `data:` URI; `sizes` as in "48x48", "any"."""

    src: str
    mimeType: str | None = None
    sizes: list[str] | None = None
    theme: Literal["light", "dark"] | None = None


class BaseMetadata(WireModel):
    """A name for programs and, since 2025-06-18, a title for people."""

    name: str
    title: str | None = None
