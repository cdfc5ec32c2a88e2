# SPDX-License-Identifier: BSD-3-Clause
"""How many parts a value would have written out, found without writing it out. Knows no content.

A list that holds another twice is written with that twice: 24 such levels are 16 million parts that take
a kilobyte of memory until somebody writes them out. Each container is looked at once here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final

from ..._util.names import library_of, module_of
from ...errors import ToolError
from ...protocol.frames import dumps
from .columns import is_date, is_sequence

__all__ = [
    "MAX_PARTS",
    "Extent",
    "TooManyParts",
    "beginning",
    "collected",
    "extent",
    "first_lines",
    "json_size",
]


MAX_PARTS: Final = 1_000_000
"""Numbers, texts, lists, ... that one value may have as JSON: some 10 MB of it. Nobody reads more, and a
message on the wire has a limit too. Data frames are not concerned: they are sent by pages."""

_ATOMS: Final = frozenset({str, int, bool, type(None)})

_PLAIN: Final = frozenset({list, tuple, set, frozenset})

_INTEGERS: Final = {int}

FEW: Final = 16
"""Parts from which on it pays to look at their classes at once."""

_FLOATS: Final = frozenset({float})

_INFINITE: Final = (float("inf"), float("-inf"))

_DATES: Final = frozenset({date, datetime, time, timedelta})

DAYS_OF_YEAR: Final = 365
"""From so many days on, pydantic writes years, of 365 days each."""


class TooManyParts(ToolError):
    """The value is too large to be written out."""

    def __init__(self) -> None:
        super().__init__(
            f"The value has more than {MAX_PARTS:,} parts, too many for one result: return a part of it, a "
            "summary, or a data frame, which is sent by pages."
        )


def collected(iterator: Iterator[Any]) -> list[Any]:
    """What an iterator gives.

    Raises
    ------
    TooManyParts
        It gives more than `MAX_PARTS`: perhaps without an end.
    """
    items = list(islice(iterator, MAX_PARTS + 1))
    if len(items) > MAX_PARTS:
        raise TooManyParts
    return items


def extent(value: Any) -> Extent:
    """Measure a value. Takes 3 us for a small dict, 0.4 s for a third of a million lists.

    Raises
    ------
    TooManyParts
        It has more than `MAX_PARTS`.
    RecursionError
        It is nested too deep.
    """
    return Extent(value)


class Extent:
    """The size of a value, and what it holds.

    Attributes
    ----------
    parts : int
    iterators, binary : bool
        Whether there are iterators, or bytes, in it.
    numpy : bool
        Whether there is something of NumPy's in it.
    special : bool
        Whether there is something in it of which pydantic's JSON form is not ours: an infinity, a date of a
        library, keys that are not all text or all numbers, or something that cannot be looked at.
    """

    __slots__ = ("_kept", "_known", "_models", "binary", "iterators", "numpy", "parts", "special")

    def __init__(self, value: Any) -> None:
        self.iterators = self.binary = self.numpy = self.special = self._models = False
        self._known: dict[int, int] = {}  # by identity; 1 while a container is on the way (a cycle)
        self._kept: list[Any] = []  # what was made here, so that no identity is used twice
        self.parts = self._count(value)
        # A model writes its bytes as it likes, wherever in it they are.
        self.special = self.special or (self.binary and self._models)

    def _count(self, value: Any) -> int:
        kind = type(value)
        within: Collection[Any]
        if kind is dict:  # by class: to ask an abstract one takes longer than all the rest
            for key in value:
                if type(key) is not str:
                    self.special = self.special or {*map(type, value)} != _INTEGERS
                    break
            within = value.values()
        elif kind in _PLAIN:
            within = value
        else:
            return self._of_other(value)
        at = id(value)
        return self._known[at] if at in self._known else self._total(at, within)

    def _of_other(self, value: Any) -> int:
        if type(value) is bytes:
            self.binary = True
            return 1
        if id(value) in self._known:
            return self._known[id(value)]
        found = self._looked_into(value)
        if isinstance(found, int):
            return found
        self._kept += (value, found)
        return self._total(id(value), found)

    def _total(self, at: int, within: Collection[Any]) -> int:
        known = self._known
        known[at] = total = 1
        if len(within) > FEW and self._is_flat(within):
            total += len(within)
        else:
            for part in within:
                if type(part) in _ATOMS:
                    total += 1
                elif type(part) is float:
                    total += 1
                    if part - part and part == part:
                        self.special = True
                else:
                    total += self._count(part)
                    if total > MAX_PARTS:
                        raise TooManyParts
        if total > MAX_PARTS:
            raise TooManyParts
        known[at] = total
        return total

    @staticmethod
    def _is_flat(within: Collection[Any]) -> bool:
        """Whether there are only atoms within, or only finite floats: found at the speed of C."""
        kinds = {*map(type, within)}
        return kinds <= _ATOMS or (kinds == _FLOATS and not (rest := sum(within)) - rest)

    def _looked_into(self, value: Any) -> list[Any] | int:
        try:
            found = self._within(value)
            return _bounded(found) if isinstance(found, int) else list(found)
        except (TooManyParts, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - of a class that we do not know: it will be its text
            self.special = True
            return 1

    def _within(self, value: Any) -> Collection[Any] | int:
        """What a value holds, or how many parts it has itself."""
        if isinstance(value, float | bytearray | memoryview) and module_of(type(value)) != "numpy":
            self.special = self.special or value in _INFINITE
            self.binary = self.binary or not isinstance(value, float)
            return 1
        if isinstance(value, Iterator):
            self.iterators = True
            return 1
        if is_date(value):
            self.special = self.special or not _is_common(value)
            return 1
        if isinstance(value, Mapping):
            self.special = True  # its keys may be anything
            return list(islice(value.values(), MAX_PARTS + 1))
        if isinstance(value, list | tuple | Set | deque):
            return value
        if isinstance(value, range):
            return len(value)
        return self._of_library(value)

    def _of_library(self, value: Any) -> Collection[Any] | int:
        kind = type(value)
        if module_of(kind) == "builtins" or isinstance(value, type):
            return 1
        library = library_of(kind)
        if library == "numpy":
            self.numpy = self.special = True
            size = int(getattr(value, "size", 1))
            has_objects = getattr(getattr(value, "dtype", None), "hasobject", False)
            return list(value.flat) if has_objects and size <= MAX_PARTS else size
        if is_sequence(value):
            self.special = True
            return len(value)
        if hasattr(kind, "__pydantic_serializer__"):
            self._models = True
            extra = getattr(value, "__pydantic_extra__", None) or {}
            return [*getattr(value, "__dict__", {}).values(), *extra.values()]
        fields = getattr(kind, "__dataclass_fields__", None)
        return 1 if fields is None else [getattr(value, name, None) for name in fields]


def _is_common(value: Any) -> bool:
    """Whether pydantic writes a date, time or duration as we do."""
    if type(value) not in _DATES:
        return False
    if isinstance(value, timedelta):
        return abs(value.days) < DAYS_OF_YEAR
    return getattr(value, "tzinfo", None) in (None, UTC)


def _bounded(parts: int) -> int:
    if parts > MAX_PARTS:
        raise TooManyParts
    return parts


# -- text sizes ----------------------------------------------------------------------------------
#
# How long a text is where hosts count: as JSON, and in lines; and the beginning of one that is too long.


def json_size(text: str) -> int:
    """Bytes of a text as JSON, without its quotes."""
    return len(dumps(text)) - 2


def beginning(text: str, size: int) -> str:
    """The longest beginning, or nearly so, that has at most `size` bytes as JSON."""
    text = text[:size]
    while text and (has := json_size(text)) > size:
        text = text[: min(len(text) * size // has, len(text) - 1)]
    return text


def first_lines(text: str, most: int) -> str:
    """At most so many lines of a text, which ends at the end of one where it is near."""
    lines = text.split("\n", most)
    if len(lines) > most:
        return "\n".join(lines[:most])
    at = text.rfind("\n")
    return text[: at + 1] if at > len(text) // 2 else text
