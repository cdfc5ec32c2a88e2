# SPDX-License-Identifier: BSD-3-Clause
"""URIs for handlers that take them as pydantic's `AnyUrl`. Imported when one is registered."""

from __future__ import annotations

from pydantic import AnyUrl

__all__ = ["ListedUrl"]


class ListedUrl(AnyUrl):
    """A URL that equals its text too.

    Programs for the first SDK look a resource up by ``listed.uri == uri``. There both are `AnyUrl`;
    here the models keep URIs as text.
    """

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, str | AnyUrl) else NotImplemented

    __hash__ = AnyUrl.__hash__
