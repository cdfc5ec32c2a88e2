# SPDX-License-Identifier: BSD-3-Clause
"""The JSON form of a Python value, and its text where it has none. Knows neither frames nor content.

NaN becomes null, as do NaT and NA; infinities "Infinity" and "-Infinity"; dates and durations ISO 8601
text; NumPy's scalars and arrays, and the arrays of pandas and pyarrow, what Python has for them; bytes
base64 text in the alphabet of URLs. Keys that have the same text stay apart: of `1` and "1", the second
becomes "1.2".
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from enum import Enum
from functools import lru_cache, partial
from typing import Any, Final, cast

from pydantic_core import SchemaSerializer, to_jsonable_python

from ..kinds import library_of, module_of
from .columns import cells, is_missing, is_sequence, named, numpy_value, readable
from .dates import is_date
from .dates import text as date_text
from .extent import TooManyParts, collected, extent
from .models import serializer

__all__ = ["plain", "readable", "unique"]

_ATOMS: Final = frozenset({str, int, bool, type(None)})
"""What is its own JSON form, and most of what there is."""

_SCALARS: Final = frozenset({("pyarrow", "Scalar")})

MAX_CLASSES: Final = 256
"""Models whose exact serializers are kept: each takes about a millisecond to build."""


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} has no JSON form")


def plain(value: Any, other: Callable[[Any], Any] = _refuse) -> Any:
    """The JSON form of a value.

    Parameters
    ----------
    other : callable, optional
        The form of a part that has none.

    Raises
    ------
    TypeError
        When a part has no JSON form and `other` is not given, or the value is cyclic or too deep.
    TooManyParts
        When it has more than `MAX_PARTS` parts.

    Notes
    -----
    An iterator has none: to look at it would use it up. Those within lists and dicts become lists: who
    puts them there wants them looked at. Whatever a part raises when it is looked at, the part has no form,
    and the others have theirs.
    """
    if type(value) in _ATOMS:
        return value
    try:
        seen = extent(value)
        is_common = not (seen.iterators or seen.special)
    except RecursionError:
        is_common = False
    if is_common:  # else pydantic would follow an endless iterator, or have another form than we
        with suppress(Exception):  # of a class that we do not know: part by part, then
            return _fast(value)
    try:
        return other(value) if _is_iterator(value) else _part(value, other)
    except RecursionError:
        raise TypeError("the value is cyclic, or nested too deep for JSON") from None


def _is_iterator(value: Any) -> bool:
    with suppress(Exception):  # a class may raise whatever is asked of it
        return isinstance(value, Iterator)
    return False


def _fast(value: Any) -> Any:
    return to_jsonable_python(
        value, by_alias=True, inf_nan_mode="null", bytes_mode="base64", fallback=_foreign
    )


def _foreign(value: Any) -> Any:
    """What pydantic does not know, as something it knows."""
    if isinstance(value, Set | range):
        return list(value)
    if isinstance(value, memoryview):
        return bytes(value)
    if module_of(type(value)) == "array":
        return value.tolist()
    return _refuse(value)


def _part(value: Any, other: Callable[[Any], Any]) -> Any:
    """Part by part: slower, but exact, and a part without a JSON form costs only itself."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is float:
        return value if value - value == 0 else _not_finite(value)
    try:
        form = _opened(value, other)
    except (TooManyParts, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - of a class that we do not know; what `other` raises is the caller's
        return other(value)
    if type(form) is dict:
        return {key: _part(item, other) for key, item in form.items()}
    if type(form) is list:
        return [_part(item, other) for item in form]
    if type(form) in _ATOMS:
        return form
    # What Python has for a scalar of NumPy's; of some, NumPy has nothing but themselves.
    return other(value) if type(form) is kind else _part(form, other)


def _not_finite(value: float) -> str | None:
    if value != value:
        return None
    return "Infinity" if value > 0 else "-Infinity"


def _opened(value: Any, other: Callable[[Any], Any]) -> Any:
    """A value's JSON form, or a list or dict of parts that are still to be converted."""
    if isinstance(value, Mapping):
        return dict(zip(unique(map(_key, value)), value.values(), strict=True))
    if isinstance(value, list | tuple | Set | deque | range):
        return list(value)
    if isinstance(value, Iterator):
        return collected(value)
    if is_missing(value):  # NaT is a datetime to Python, but has no year
        return None
    if is_date(value):
        return date_text(value)
    if isinstance(value, Enum):
        return _part(value.value, other)
    return _of_library(value, other)


def _of_library(value: Any, other: Callable[[Any], Any]) -> Any:
    kind = type(value)
    library = library_of(kind)
    if library == "numpy":
        return numpy_value(value)
    if is_sequence(value):
        return cells(value)
    if named(kind, _SCALARS):
        return cells(value)[0]
    if isinstance(value, float):
        return float(value)
    if hasattr(kind, "__pydantic_core_schema__"):
        return _serializer(cast("Hashable", kind), other).to_python(
            value, mode="json", by_alias=True, warnings=False, fallback=other
        )
    if hasattr(kind, "__dataclass_fields__"):
        return {field.name: _attribute(value, field.name) for field in dataclasses.fields(value)}
    return _fast(value)


@lru_cache(maxsize=MAX_CLASSES)
def _serializer(kind: Any, other: Callable[[Any], Any]) -> SchemaSerializer:
    return serializer(kind.__pydantic_core_schema__, partial(plain, other=other))


class _Unread:
    """In place of an attribute that raises."""

    def __init__(self, name: str, error: Exception) -> None:
        self._text = f"<{name} cannot be read: {type(error).__name__}>"

    def __str__(self) -> str:
        return self._text


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception as exc:  # noqa: BLE001 - a user's property may raise anything
        return _Unread(name, exc)


def _key(key: Any) -> str:
    if type(key) is str:
        return key
    try:
        if is_date(key):
            return date_text(key)
        if type(key) is tuple:
            return ",".join(map(_key, key))
        return str(next(iter(_fast({key: None}))))
    except Exception:  # noqa: BLE001 - see `_part`
        return readable(key)


def unique(labels: Iterable[str]) -> list[str]:
    """The same texts, with ".2", ".3", ... after those that were there before."""
    counts: dict[str, int] = {}
    for base in labels:
        label = base
        while label in counts:
            counts[base] += 1
            label = f"{base}.{counts[base]}"
        counts[label] = 1
    return list(counts)
