# SPDX-License-Identifier: BSD-3-Clause
"""What was entered in one field, as a value and back. Pure: knows no widget, and no schema but its own.

A field is left out, null, or given. A text that is empty may mean any of the three, and `blank` says which.
Each entry takes the values its kind of field can show; any other is kept as JSON text (`raw`), so that what
was set is what is read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .problems import Path, Problem
from .rules import Rules, format_problem, is_secret

__all__ = [
    "LEFT_OUT",
    "About",
    "Entry",
    "NumberEntry",
    "Presence",
    "TextEntry",
]

LEFT_OUT: Final = object()
"""In place of a value: the field has none."""

MAX_JSON_LINE: Final = 60
"""Characters of JSON shown on one line; more stands on a line each."""


class Presence(StrEnum):
    """Whether a field has a value."""

    LEFT_OUT = "left out"
    NULL = "null"
    GIVEN = "given"


@dataclass(frozen=True)
class About:
    """What a field is, whatever is entered in it. Texts are the server's own, still to be made inert.

    Parameters
    ----------
    label, help : str
        How it is called, and what it is for.
    schema : Any
        What its values are checked against: as it stands in the whole.
    plain : mapping
        The same, read.
    """

    label: str
    schema: Any
    help: str = ""
    plain: Mapping[str, Any] = field(default_factory=dict)
    required: bool = True
    nullable: bool = False
    default: Any = LEFT_OUT

    @property
    def is_secret(self) -> bool:
        """Whether what is entered must not be shown."""
        return is_secret(self.plain)


class Entry:
    """A field with what was entered. On its own it is the field of last resort: JSON text, validated.

    Parameters
    ----------
    about : About
        What it is.
    rules : Rules
        The checks of its form.

    Attributes
    ----------
    presence : Presence
        Whether it has a value.
    raw : str or None
        JSON text that stands for the value; None while the field itself shows it.
    slip : str
        What was written in place of a choice and is none.
    """

    always_raw = True

    def __init__(self, about: About, rules: Rules) -> None:
        self.about = about
        self.rules = rules
        self.presence = Presence.LEFT_OUT
        self.raw: str | None = None
        self.slip = ""

    # -- values in ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin as the schema says: with its default where that fits, else empty."""
        if self.about.default is not LEFT_OUT:
            self.set(self.about.default)
            problems: list[Problem] = []
            self.read((), problems)
            if not problems and (self.raw is None or self.always_raw):
                return
        self._reset(Presence.LEFT_OUT)
        self._begin()

    def set(self, value: Any) -> None:
        """Show a JSON value."""
        if value is None and self.about.nullable:
            self._reset(Presence.NULL)
            return
        self._reset(Presence.GIVEN)
        if self.always_raw or not self._take(value):
            self.raw = _json_text(value)

    def clear(self) -> None:
        """Empty it: left out, or where it may not be, as little as there can be."""
        self._reset(Presence.LEFT_OUT)
        self._begin_empty()

    def _reset(self, presence: Presence) -> None:
        self.raw = "" if self.always_raw else None
        self.slip = ""
        self.presence = presence
        self._forget()

    def write_raw(self, text: str) -> None:
        """Enter JSON text."""
        self.raw = text
        self.presence = Presence.GIVEN if text.strip() else Presence.LEFT_OUT

    # -- values out -----------------------------------------------------------------------------

    def read(self, path: Path, problems: list[Problem]) -> Any:
        """The value or `LEFT_OUT`; what is wrong with it is added to `problems`."""
        if self.slip:
            self._wrong(path, f"there is no choice {self.slip!r}", problems)
            return LEFT_OUT
        if self.presence is Presence.NULL:
            return None
        if self.presence is Presence.LEFT_OUT:
            if self.about.required:
                self._wrong(path, "required", problems)
            return LEFT_OUT
        return self._read(path, problems) if self.raw is None else self._read_raw(path, problems)

    def _read_raw(self, path: Path, problems: list[Problem]) -> Any:
        try:
            value = json.loads(self.raw or "", parse_constant=_refused)
        except RecursionError:
            self._wrong(path, "is nested too deep", problems)
            return LEFT_OUT
        except ValueError as exc:
            where = (
                f"line {exc.lineno}, column {exc.colno}: " if isinstance(exc, json.JSONDecodeError) else ""
            )
            self._wrong(path, f'must be JSON, as 12, "text" or {{"a": 1}} ({where}{_reason(exc)})', problems)
            return LEFT_OUT
        self._check(value, path, problems)
        return value

    def _wrong(self, path: Path, text: str, problems: list[Problem]) -> None:
        problems.append(Problem(path, text, self))

    def _check(self, value: Any, path: Path, problems: list[Problem]) -> None:
        """Add what does not fit the schema of the whole field."""
        for line in self.rules.misfits(self.about.schema, value):
            where, _, text = line.removeprefix("$").partition(": ")
            # jsonschema quotes the value, and with it what must not be shown.
            text = "does not fit its schema" if self.holds_secret else text
            self._wrong(path, f"{where.removeprefix('.')}: {text}" if where else text, problems)

    # -- what it consists of --------------------------------------------------------------------

    @property
    def parts(self) -> Iterator[tuple[str | int, Entry]]:
        """The entries within, each with its step of the path."""
        return iter(())

    @property
    def size(self) -> int:
        """Fields in all, itself among them."""
        return 1 + sum(part.size for _, part in self.parts)

    @property
    def holds_secret(self) -> bool:
        """Whether it is a secret, or one is within, or may be in its JSON text."""
        if self.raw is not None and self.rules.has_secret:
            return True
        return self.about.is_secret or any(part.holds_secret for _, part in self.parts)

    # -- what each kind of field says -----------------------------------------------------------

    def _forget(self) -> None:
        """Let go of what was entered. Comes before each of the next three, once."""

    def _begin(self) -> None:
        """Enter what there is to begin with, without a default."""
        self._begin_empty()

    def _begin_empty(self) -> None:
        """Enter what has to be there even when nothing is."""

    def _take(self, value: Any) -> bool:
        """Show a value as far as this kind of field can; tell whether it could."""
        return False

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        raise NotImplementedError


class TextEntry(Entry):
    """A text. While it is empty, `blank` says what that means."""

    always_raw = False
    may_be_empty = True

    def __init__(self, about: About, rules: Rules) -> None:
        super().__init__(about, rules)
        self.text = ""

    @property
    def blanks(self) -> list[Presence]:
        """What an empty text can mean here."""
        meanings = [Presence.LEFT_OUT]
        if self.may_be_empty:
            meanings.append(Presence.GIVEN)
        if self.about.nullable:
            meanings.append(Presence.NULL)
        return meanings

    def write(self, text: str) -> None:
        """Enter a text; an empty one is no longer given."""
        self.text = text
        self.presence = Presence.GIVEN if text else Presence.LEFT_OUT

    def set_blank(self, meaning: Presence) -> None:
        """Say what the empty text means; a text is given, whatever is said."""
        if not self.text:
            self.presence = meaning

    def _take(self, value: Any) -> bool:
        if not isinstance(value, str) or not _is_encodable(value):
            return False
        self.text = value
        return True

    def _forget(self) -> None:
        self.text = ""

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        wrong = self.rules.broken(self.about.plain, self.text)
        misformed = format_problem(self.about.plain.get("format"), self.text)
        for text in [misformed, *wrong]:
            if text:
                self._wrong(path, text, problems)
        return self.text


class NumberEntry(TextEntry):
    """A number, as text: that has no bounds on its digits, and can be empty."""

    may_be_empty = False

    @property
    def whole(self) -> bool:
        """Whether only integers fit."""
        return self.about.plain.get("type") == "integer"

    def _take(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        self.text = json.dumps(value)
        return True

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        value = _number(self.text)
        if value is None or (self.whole and value != int(value)):
            words = "must be a whole number, as 12" if self.whole else "must be a number, as 1.5"
            self._wrong(path, words, problems)
            return LEFT_OUT
        for text in self.rules.broken(self.about.plain, value):
            self._wrong(path, text, problems)
        return value


# -- values ------------------------------------------------------------------------------------------


_NUMBER: Final = re.compile(r"([+-]?\d+)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+([eE][+-]?\d+)?", re.ASCII)


def _number(text: str) -> int | float | None:
    """What a person writes for a number; None for anything else, infinity among it."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    try:
        if match[1] is not None and not match[2] and not match[3]:
            return int(match[1])
        value = float(match[0])
    except ValueError:  # more digits than Python reads
        return None
    return value if math.isfinite(value) else None


def _json_text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_JSON_LINE:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if _is_encodable(text) else json.dumps(value, indent=2)


def _is_encodable(text: str) -> bool:
    """Whether a text can travel to the browser: half a character cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _reason(exc: ValueError) -> str:
    return exc.msg if isinstance(exc, json.JSONDecodeError) else str(exc)
