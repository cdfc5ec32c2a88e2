# SPDX-License-Identifier: BSD-3-Clause
"""A list in pages, under cursors that say nothing to a client (spec, server/utilities/pagination).

Does not know what is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from ...errors import McpError
from ...protocol.codes import INVALID_PARAMS
from ...protocol.seals import Seal, SealError
from ..context import RequestContext

__all__ = ["PAGE_SIZE", "Pages"]

PAGE_SIZE: Final = 1000
"""Items of a page: few servers have more, and so many are some hundred kilobytes."""

CURSOR_SECONDS: Final = 24 * 3600.0
"""Who pages through a list does so at once; a client that keeps a cursor longer begins anew."""

T = TypeVar("T")


class Pages:
    """Cuts lists into pages.

    A cursor names the last item given and where it stood, so that no item is left out or given twice when
    others come and go between two pages.

    Parameters
    ----------
    size : int
        Items of a page.

    Raises
    ------
    ValueError
        The size is less than 1.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"page_size must be at least 1, not {size}")
        self._size = size
        self._seal = Seal()

    def page(
        self, request: RequestContext, known: Mapping[str, T], cursor: str | None
    ) -> tuple[list[T], str | None]:
        """The items after a cursor, and the cursor of those that follow.

        Raises
        ------
        McpError
            INVALID_PARAMS: the cursor is none of this list, or its place is gone.
        """
        if cursor is None and len(known) <= self._size:
            return [*known.values()], None
        keys = list(known)
        begin = 0 if cursor is None else self._place(request, keys, cursor)
        end = begin + self._size
        items = [known[key] for key in keys[begin:end]]
        if end >= len(keys):
            return items, None
        claims = [keys[end - 1], end]
        return items, self._seal.close(request.method, request.sender, claims, CURSOR_SECONDS)

    def _place(self, request: RequestContext, keys: list[str], cursor: str) -> int:
        try:
            last, place = self._seal.open(request.method, request.sender, cursor)
        except SealError as exc:
            raise McpError(INVALID_PARAMS, f"cursor: {exc}") from None
        if keys[place - 1 : place] == [last]:
            return int(place)
        try:
            return keys.index(last) + 1
        except ValueError:
            raise McpError(INVALID_PARAMS, "cursor: its place in the list is gone; begin again.") from None
