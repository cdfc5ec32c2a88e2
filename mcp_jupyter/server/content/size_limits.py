# SPDX-License-Identifier: BSD-3-Clause
"""Count the parts that a value would have as JSON, without writing it; measure and cut texts.

A list that contains the same list twice is written with two copies. 24 such levels take a kilobyte of memory
and have 16 million parts as JSON. Each container is visited once here.
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
"""Numbers, texts, lists, ... of one value as JSON: about 10 MB. More is of no use to a model, and messages
have a limit too. Data frames may be larger: they are sent by pages."""

_ATOMS: Final = frozenset({str, int, bool, type(None)})

_PLAIN: Final = frozenset({list, tuple, set, frozenset})

_INTEGERS: Final = {int}

FEW: Final = 16
"""Parts of a container above which collecting their classes in a set is faster than a loop."""

_FLOATS: Final = frozenset({float})

_INFINITE: Final = (float("inf"), float("-inf"))

_DATES: Final = frozenset({date, datetime, time, timedelta})

DAYS_OF_YEAR: Final = 365
"""From this number of days on, pydantic writes durations in years of 365 days."""


class TooManyParts(ToolError):
    """The value has more than `MAX_PARTS` parts."""

    def __init__(self) -> None:
        super().__init__(
            f"The value has more than {MAX_PARTS:,} parts, too many for one result: return a part of it, a "
            "summary, or a data frame, which is sent by pages."
        )


def collected(iterator: Iterator[Any]) -> list[Any]:
    """Return the values of an iterator as a list.

    Raises
    ------
    TooManyParts
        There are more than `MAX_PARTS`; the iterator may be endless.
    """
    items = list(islice(iterator, MAX_PARTS + 1))
    if len(items) > MAX_PARTS:
        raise TooManyParts
    return items


def extent(value: Any) -> Extent:
    """Measure a value. A small dict takes 3 us, a third of a million lists 0.4 s.

    Raises
    ------
    TooManyParts
        The value has more than `MAX_PARTS` parts.
    RecursionError
        The value is nested too deep.
    """
    return Extent(value)


class Extent:
    """The size of a value, and kinds of parts in it.

    Attributes
    ----------
    parts : int
        Number of parts that the value has as JSON.
    iterators, binary : bool
        Whether it contains iterators, or bytes.
    numpy : bool
        Whether it contains NumPy scalars or arrays.
    special : bool
        Whether pydantic's JSON form of a part differs from ours: infinities, dates of a library, keys that
        are not all text or all numbers, and objects that raise when they are inspected.
    """

    __slots__ = ("_kept", "_known", "_models", "binary", "iterators", "numpy", "parts", "special")

    def __init__(self, value: Any) -> None:
        self.iterators = self.binary = self.numpy = self.special = self._models = False
        self._known: dict[int, int] = {}  # parts by `id`; 1 while a container is being counted (a cycle)
        self._kept: list[Any] = []  # keeps objects alive, so that no `id` is used for a second object
        self.parts = self._count(value)
        # A model's own configuration decides how its bytes are written, at any depth.
        self.special = self.special or (self.binary and self._models)

    def _count(self, value: Any) -> int:
        kind = type(value)
        within: Collection[Any]
        if kind is dict:  # by class: `isinstance` with `Mapping` takes longer than all the rest
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
        """Whether a container has only atoms, or only finite floats, without a loop in Python."""
        kinds = {*map(type, within)}
        return kinds <= _ATOMS or (kinds == _FLOATS and not (rest := sum(within)) - rest)

    def _looked_into(self, value: Any) -> list[Any] | int:
        try:
            found = self._within(value)
            return _bounded(found) if isinstance(found, int) else list(found)
        except (TooManyParts, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - an unknown class may raise anything: the part becomes text
            self.special = True
            return 1

    def _within(self, value: Any) -> Collection[Any] | int:
        """Return the values in a container, or the number of parts of any other value."""
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
            self.special = True  # its keys may be of any class
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
    """Whether pydantic's text of a date, time or duration is the same as ours."""
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
# Measure and cut texts in the units that hosts count: bytes as JSON, and lines.


def json_size(text: str) -> int:
    """Return the bytes of a text as JSON, without the quotes."""
    return len(dumps(text)) - 2


def beginning(text: str, size: int) -> str:
    """Return a beginning of the text, nearly the longest, that has at most `size` bytes as JSON."""
    text = text[:size]
    while text and (has := json_size(text)) > size:
        text = text[: min(len(text) * size // has, len(text) - 1)]
    return text


def first_lines(text: str, most: int) -> str:
    """Return at most `most` lines.

    A text without more lines loses its unfinished last one, unless that is more than half of the text.
    """
    lines = text.split("\n", most)
    if len(lines) > most:
        return "\n".join(lines[:most])
    at = text.rfind("\n")
    return text[: at + 1] if at > len(text) // 2 else text
