# SPDX-License-Identifier: BSD-3-Clause
"""The URL type passed to handlers that declare `AnyUrl`; imported once such a handler is registered."""

from __future__ import annotations

from pydantic import AnyUrl

__all__ = ["ListedUrl"]


class ListedUrl(AnyUrl):
    """A URL that is also equal to its text.

    Programs for the first SDK look up a resource by ``listed.uri == uri``. There both are `AnyUrl`;
    here `listed.uri` is text.
    """

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, str | AnyUrl) else NotImplemented

    __hash__ = AnyUrl.__hash__
