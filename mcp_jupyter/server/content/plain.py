# SPDX-License-Identifier: BSD-3-Clause
"""The JSON form of a Python value, and its text where it has none. Knows neither frames nor content.

NaN and infinities become null, as do NaT and NA; dates and durations ISO 8601 text; NumPy's scalars and
arrays what Python has for them; bytes base64 text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Final

from pydantic_core import to_jsonable_python

from .extent import collected, extent

__all__ = ["plain", "readable"]

_ATOMS: Final = frozenset({str, int, bool, type(None)})
"""What is its own JSON form, and most of what there is."""


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
    puts them there wants them looked at.
    """
    if type(value) in _ATOMS:
        return value
    if isinstance(value, Iterator):
        return other(value)
    try:
        if not extent(value).iterators:  # pydantic would follow an endless one until the memory is full
            return _fast(value)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return _part(value, other)
    except RecursionError:
        raise TypeError("the value is cyclic, or nested too deep for JSON") from None


def _fast(value: Any) -> Any:
    return to_jsonable_python(
        value, by_alias=True, inf_nan_mode="null", bytes_mode="base64", fallback=_foreign
    )


def _foreign(value: Any) -> Any:
    """What pydantic does not know, as something it knows."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set | range):
        return list(value)
    if _is_missing(value):
        return None
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in ("m", "M"):
        value = value.astype(f"{kind}8[us]")  # Python's dates have no nanoseconds
    if type(value).__module__.partition(".")[0] in ("numpy", "array"):
        return value.tolist()
    return _refuse(value)


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in ("NaTType", "NAType")


def _part(value: Any, other: Callable[[Any], Any]) -> Any:
    """Part by part: slower, but a part without a JSON form costs only itself."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, Mapping):
        return {_key(key): _part(item, other) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [_part(item, other) for item in value]
    if isinstance(value, Iterator):
        return plain(collected(value), other)
    if _is_missing(value):  # NaT is a datetime to Python, but has no year
        return None
    try:
        return other(value) if extent(value).iterators else _fast(value)
    except (TypeError, ValueError):
        return other(value)


def _key(key: Any) -> str:
    try:
        return str(next(iter(_fast({key: None}))))
    except (TypeError, ValueError):
        return readable(key)


def readable(value: Any) -> str:
    """A value's text, whatever its `str` does."""
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<{type(value).__name__} whose text cannot be shown: {type(exc).__name__}>"
