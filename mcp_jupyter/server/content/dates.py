# SPDX-License-Identifier: BSD-3-Clause
"""ISO 8601 text of dates, times and durations, exact for every year and every unit.

Libraries count from 1970 in a unit of their own (years to attoseconds), so most functions take a count and
a unit. Python's own classes end at year 9999 and at microseconds: they are used where they suffice. Years
outside of 0 to 9999 are written as NumPy writes them: 12024-01-01, -0044-03-15 (year 0 is 1 BCE).
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = ["duration", "instant", "is_date", "text", "time_of_day"]

_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}
"""Decimal digits of a second that a unit counts."""

_SECONDS: Final = {"m": 60, "h": 3600, "D": 86_400, "W": 604_800}
"""Seconds of the units that are longer than one."""

EPOCH: Final = dt.date(1970, 1, 1).toordinal()

LAST_DAY: Final = dt.date.max.toordinal()

CYCLE_DAYS: Final = 146_097
"""The Gregorian calendar repeats itself after 400 years."""

_DATES: Final = (dt.date, dt.time, dt.timedelta)

_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)")


def is_date(value: Any) -> bool:
    """Whether `value` is a date, time or duration of Python or of pandas, whose classes derive from those."""
    return isinstance(value, _DATES)


def text(value: Any) -> str:
    """The text of what `is_date`. Nanoseconds of pandas are kept."""
    if isinstance(value, dt.timedelta):
        raw = getattr(value, "asm8", None)  # pandas: Python's part of it has no nanoseconds
        if raw is not None:
            return duration(int(raw.astype("i8")), value.unit)  # type: ignore[attr-defined]
        return duration(value // dt.timedelta(microseconds=1), "us")
    if not isinstance(value, dt.datetime):
        return value.isoformat()  # type: ignore[no-any-return]
    raw = getattr(value, "asm8", None)  # pandas: the year of Python's part is wrong beyond 9999
    if raw is not None and not 0 < value.year <= dt.MAXYEAR:
        # pandas has no offset for these years: UTC, the same instant.
        return instant(int(raw.astype("i8")), value.unit) + ("Z" if value.tzinfo else "")  # type: ignore[attr-defined]
    shown = value.isoformat()
    return shown[:-6] + "Z" if shown.endswith("+00:00") else shown


def instant(count: int, unit: str, zone: str | None = None) -> str:
    """The text of a point in time.

    Parameters
    ----------
    count : int
        Units since 1970-01-01, in UTC when there is a zone.
    unit : str
        NumPy's name: "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs" or "as". The first four
        give a year, a month or a day.
    zone : str, optional
        An IANA name or an offset (+01:00). The text has its local time; UTC where the zone is unknown.

    Raises
    ------
    ValueError
        There is no such unit.
    """
    if unit == "Y":
        return _year(1970 + count)
    if unit == "M":
        years, month = divmod(count, 12)
        return f"{_year(1970 + years)}-{month + 1:02}"
    if unit in ("D", "W"):
        return _day(count * (_SECONDS[unit] // 86_400))
    seconds, rest, digits = _split(count, unit)
    suffix = ""
    if zone is not None:
        offset = _offset(seconds, zone)
        seconds += offset
        suffix = _suffix(offset)
    days, second = divmod(seconds, 86_400)
    fraction = _fraction(rest, digits)
    return f"{_day(days)}T{_clock(second)}{fraction}{suffix}"


def time_of_day(count: int, unit: str) -> str:
    """The text of a time of day, as units since midnight."""
    seconds, rest, digits = _split(count, unit)
    return _clock(seconds) + _fraction(rest, digits)


def duration(count: int, unit: str) -> str:
    """The text of a duration: years and months by themselves, all others in days, hours, minutes and seconds.

    Raises
    ------
    ValueError
        There is no such unit.
    """
    sign, count = ("-", -count) if count < 0 else ("", count)
    if unit in ("Y", "M"):
        return f"{sign}P{count}{unit}"
    seconds, rest, digits = _split(count, unit)
    days, seconds = divmod(seconds, 86_400)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{rest:0{digits}d}".rstrip("0") if rest else ""
    parts = [f"{hour}H" if hour else "", f"{minute}M" if minute else ""]
    parts += [f"{second}{fraction}S"] if second or rest else []
    clock = "".join(parts)
    if not days:
        return f"{sign}PT{clock or '0S'}"
    return f"{sign}P{days}D" + (f"T{clock}" if clock else "")


def _split(count: int, unit: str) -> tuple[int, int, int]:
    """Whole seconds, the rest in the unit, and the digits that the rest has."""
    if unit in _SECONDS:
        return count * _SECONDS[unit], 0, 0
    digits = _DIGITS.get(unit)
    if digits is None:
        raise ValueError(f"{unit!r} is not a unit of time")
    seconds, rest = divmod(count, 10**digits)
    return seconds, rest, digits


def _day(days: int) -> str:
    ordinal = days + EPOCH
    if 0 < ordinal <= LAST_DAY:
        return dt.date.fromordinal(ordinal).isoformat()
    cycles, within = divmod(ordinal - 1, CYCLE_DAYS)
    day = dt.date.fromordinal(within + 1)
    return f"{_year(day.year + 400 * cycles)}-{day.month:02}-{day.day:02}"


def _year(year: int) -> str:
    return f"{year:04d}" if year >= 0 else f"-{-year:04d}"


def _clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def _fraction(rest: int, digits: int) -> str:
    """Six digits, as Python has them; more, by threes, where the value has more."""
    if not rest:
        return ""
    shown = f"{rest:0{digits}d}".ljust(6, "0")
    while len(shown) > 6 and shown.endswith("000"):
        shown = shown[:-3]
    return f".{shown}"


def _offset(seconds: int, zone: str) -> int:
    """Seconds that local time is ahead of UTC at an instant; 0 for years that Python has not."""
    fixed = _OFFSET.fullmatch(zone)
    if fixed:
        ahead = int(fixed[2]) * 3600 + int(fixed[3]) * 60
        return ahead if fixed[1] == "+" else -ahead
    known = _zone(zone)
    if known is None:
        return 0
    try:
        offset = dt.datetime.fromtimestamp(seconds, known).utcoffset()
    except (ValueError, OverflowError, OSError):
        return 0
    return 0 if offset is None else int(offset.total_seconds())


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # unknown here, or the machine has no list of zones
        return None


def _suffix(offset: int) -> str:
    if not offset:
        return "Z"
    sign, offset = ("-", -offset) if offset < 0 else ("+", offset)
    shown = _clock(offset)
    return sign + (shown[:-3] if shown.endswith(":00") else shown)
