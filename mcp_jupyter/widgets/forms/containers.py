# SPDX-License-Identifier: BSD-3-Clause
"""Entries made of other entries: objects, lists and alternatives. Pure, but for the widgets that choose.

A `Maker` makes inner entries when they are needed. A schema may contain itself, so only what is entered is
built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import ipywidgets as widgets

from .fields import LEFT_OUT, About, Area, Entry, Path, Presence, Problem
from .schema import Rules, label_text, option_text

__all__ = [
    "MAX_ROWS",
    "GroupEntry",
    "ListEntry",
    "Maker",
    "Marks",
    "ObjectEntry",
    "Picker",
    "Row",
    "VariantEntry",
]


MAX_ROWS: Final = 100
"""Rows of one list: longer lists are easier to read and edit as JSON."""

MAX_FIRST_ROWS: Final = 5
"""Rows with which a list starts if its schema requires items."""

MAX_TRIES: Final = 3
"""Alternatives that fit a value and are tried: each may hold alternatives again, so the work multiplies."""


class Maker(Protocol):
    """Makes the inner entries of one entry; knows their depth and the form's number of fields."""

    def make(self, schema: Any, label: str, required: bool) -> Entry:
        """Make an entry for a schema; it is started, cleared or set before the next one is made."""

    def has_room(self, fields: int) -> bool:
        """Return whether the form may have this many more fields."""

    def drop(self, entry: Entry) -> None:
        """Note that an entry is no longer part of the form."""


class GroupEntry(Entry):
    """An entry made of other entries."""

    always_raw = False

    def __init__(self, about: About, rules: Rules, maker: Maker) -> None:
        super().__init__(about, rules)
        self._maker = maker

    def give(self, presence: Presence) -> None:
        """Set whether there is a value; a new one starts as the schema says."""
        if presence is not self.presence:
            self._reset(presence)
            if presence is Presence.GIVEN:
                self._fill(Entry.start)

    def _forget(self) -> None:
        for _, part in self.parts:
            self._maker.drop(part)
        self._let_go()

    def _begin(self) -> None:
        if self.about.required:
            self.presence = Presence.GIVEN
            self._fill(Entry.start)

    def _begin_empty(self) -> None:
        if self.about.required:
            self.presence = Presence.GIVEN
            self._fill(Entry.clear)

    def _fill(self, begin: Callable[[Entry], None]) -> None:
        """Make the parts that are always present, and start each with `begin`."""

    def _let_go(self) -> None:
        """Drop the inner entries."""
        raise NotImplementedError

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        before = len(problems)
        value = self._assemble(path, problems)
        if len(problems) == before:
            self._check(value, path, problems)
        return value

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        raise NotImplementedError


@dataclass
class Row:
    """A property whose name is entered as well as its value."""

    key: str
    entry: Entry


class ObjectEntry(GroupEntry):
    """An object: its properties, and rows of name and value for additional ones.

    Parameters
    ----------
    others : Any
        The schema of additional properties; False if they are not allowed.
    may_add : bool
        Whether the user can add such properties; those in a value are shown in any case.
    """

    def __init__(self, about: About, rules: Rules, maker: Maker, others: Any, may_add: bool) -> None:
        super().__init__(about, rules, maker)
        self.may_add = may_add
        self.fields: dict[str, Entry] = {}
        self.rows: list[Row] = []
        self._others = others

    @property
    def parts(self) -> Iterator[tuple[str | int, Entry]]:
        yield from self.fields.items()
        yield from ((row.key, row.entry) for row in self.rows)

    def add(self) -> Row:
        """Add a property without a name."""
        row = self._new_row("")
        row.entry.start()
        return row

    def _new_row(self, key: str) -> Row:
        row = Row(key, self._maker.make(self._others, "value", True))
        self.rows.append(row)
        return row

    def can_add(self) -> bool:
        """Return whether one more property may be added."""
        return self.may_add and len(self.rows) < MAX_ROWS and self._maker.has_room(1)

    def remove(self, row: Row) -> None:
        """Remove a property."""
        self.rows.remove(row)
        self._maker.drop(row.entry)

    def _fill(self, begin: Callable[[Entry], None]) -> None:
        for name in self._properties:
            begin(self._new_field(name))

    @property
    def _properties(self) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self.about.plain.get("properties", {})
        return properties

    def _new_field(self, name: str) -> Entry:
        required = name in self.about.plain.get("required", ())
        self.fields[name] = self._maker.make(self._properties[name], name, required)
        return self.fields[name]

    def _let_go(self) -> None:
        self.fields, self.rows = {}, []

    def _take(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        others = [name for name in value if name not in self._properties]
        # No row can hold a property that is not allowed, has an empty name or exceeds the limit.
        if others and (self._others is False or "" in others or not self._has_room(len(others))):
            return False
        for name in self._properties:
            entry = self._new_field(name)
            if name in value:
                entry.set(value[name])
            else:
                entry.clear()
        for name in others:
            self._new_row(name).entry.set(value[name])
        return True

    def _has_room(self, rows: int) -> bool:
        return rows <= MAX_ROWS and self._maker.has_room(rows)

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        value: dict[str, Any] = {}
        for name, entry in self.fields.items():
            value[name] = entry.read((*path, name), problems)
        for row in self.rows:
            if not row.key or row.key in value:
                words = "is there twice" if row.key else "a property has no name"
                self._wrong((*path, row.key) if row.key else path, words, problems)
            value[row.key] = row.entry.read((*path, row.key), problems)
        return {name: item for name, item in value.items() if item is not LEFT_OUT}


class ListEntry(GroupEntry):
    """A list of entries with one schema, which can be added, removed and moved."""

    def __init__(self, about: About, rules: Rules, maker: Maker) -> None:
        super().__init__(about, rules, maker)
        self.items: list[Entry] = []

    @property
    def parts(self) -> Iterator[tuple[str | int, Entry]]:
        return iter(enumerate(self.items))

    def add(self) -> Entry:
        """Add an item at the end."""
        self.presence = Presence.GIVEN
        entry = self._new_item()
        entry.start()
        return entry

    def _new_item(self) -> Entry:
        self.items.append(self._maker.make(self.about.plain["items"], "item", True))
        return self.items[-1]

    def can_add(self) -> bool:
        """Return whether one more item may be added."""
        return len(self.items) < MAX_ROWS and self._maker.has_room(1)

    def remove(self, entry: Entry) -> None:
        """Remove an item."""
        self.items.remove(entry)
        self._maker.drop(entry)

    def move(self, entry: Entry, by: int) -> None:
        """Move an item up (-1) or down (1), if it is not at that end already."""
        index = self.items.index(entry)
        if 0 <= index + by < len(self.items):
            self.items.insert(index + by, self.items.pop(index))

    def _begin(self) -> None:
        super()._begin()
        if self.about.required:
            for _ in range(min(int(self.about.plain.get("minItems", 0)), MAX_FIRST_ROWS)):
                if self.can_add():
                    self.add()

    def _let_go(self) -> None:
        self.items = []

    def _take(self, value: Any) -> bool:
        if not isinstance(value, list) or len(value) > MAX_ROWS or not self._maker.has_room(len(value)):
            return False
        for item in value:
            self._new_item().set(item)
        return True

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        values = [entry.read((*path, index), problems) for index, entry in enumerate(self.items)]
        return [value for value in values if value is not LEFT_OUT]


class VariantEntry(GroupEntry):
    """A value of one of several schemas.

    Parameters
    ----------
    options : sequence of (str, Any)
        The label and the schema of each alternative.
    """

    def __init__(self, about: About, rules: Rules, maker: Maker, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, rules, maker)
        self.options = tuple(options)
        self.chosen: int | None = None
        self.entry: Entry | None = None

    @property
    def parts(self) -> Iterator[tuple[str | int, Entry]]:
        if self.entry is not None:
            yield "", self.entry

    def choose(self, index: int | None, without: Presence = Presence.LEFT_OUT) -> None:
        """Choose a schema and start its entry; with None, the field is left out or null."""
        self._reset(without if index is None else Presence.GIVEN)
        if index is not None:
            self._new_entry(index).start()

    def _new_entry(self, index: int) -> Entry:
        label, schema = self.options[index]
        self.chosen, self.entry = index, self._maker.make(schema, label, True)
        return self.entry

    def _begin(self) -> None:
        """Choose nothing at the start."""

    def _begin_empty(self) -> None:
        """Choose nothing when the entry is cleared."""

    def _let_go(self) -> None:
        self.chosen = self.entry = None

    def _take(self, value: Any) -> bool:
        fitting = [index for index, (_, schema) in enumerate(self.options) if self.rules.fits(schema, value)]
        # `fits` ignores formats, but a field checks them.
        for index in fitting[:MAX_TRIES]:
            problems: list[Problem] = []
            self._new_entry(index).set(value)
            self._assemble((), problems)
            if not problems:
                return True
            self._forget()
        if fitting:
            self._new_entry(fitting[0]).set(value)
        return bool(fitting)

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        assert self.entry is not None
        return self.entry.read(path, problems)


# -- choosers ------------------------------------------------------------------------------------
#
# Widgets to choose one of several things, with the mouse or the keyboard.
#
# Main thread only. There is no drop-down list, because JupyterLab takes keys pressed in one for commands on
# cells (`a` inserts a cell, the arrows go to the next). Texts and checkboxes keep their keys.

T = TypeVar("T")

MAX_LISTED: Final = 8
"""Choices that are also listed below the field."""


class Picker(Generic[T]):
    """A text box that completes to one of several things; the beginning of a text is enough.

    Parameters
    ----------
    choices : sequence of (str, T)
        The text of each thing, which may come from the server.
    picked : callable
        Called with the chosen thing, or None when the text was emptied.
    missed : callable
        Called with a text that matches none of them.
    """

    def __init__(
        self,
        area: Area,
        label: str,
        choices: Sequence[tuple[str, T]],
        picked: Callable[[T | None], None],
        missed: Callable[[str], None],
        placeholder: str,
    ) -> None:
        texts = _told_apart([option_text(text) or "(empty)" for text, _ in choices])
        self._choices = dict(zip(texts, (thing for _, thing in choices), strict=True))
        self._picked = picked
        self._missed = missed
        self.box = area.control(
            widgets.Combobox, label, options=texts, placeholder=placeholder, continuous_update=False
        )
        self.box.observe(self._written, "value")

    @property
    def hint(self) -> str:
        """The possible choices."""
        texts = list(self._choices)
        more = f" and {len(texts) - MAX_LISTED} more" if len(texts) > MAX_LISTED else ""
        return f"one of: {', '.join(texts[:MAX_LISTED])}{more}"

    def show(self, chosen: T | None) -> None:
        """Show the present choice."""
        text = next((text for text, thing in self._choices.items() if thing == chosen), "")
        self.box.unobserve(self._written, "value")
        self.box.value = text
        self.box.observe(self._written, "value")

    def _written(self, change: Any) -> None:
        text = change["new"].strip()
        if not text:
            self._picked(None)
            return
        found = self._find(text)
        if found is None:
            self._missed(text)
            return
        self.show(self._choices[found])
        self._picked(self._choices[found])

    def _find(self, text: str) -> str | None:
        """Return the choice with this text, or the only one that begins with it, ignoring case."""
        if text in self._choices:
            return text
        begun = [choice for choice in self._choices if choice.casefold().startswith(text.casefold())]
        return begun[0] if len(begun) == 1 else None


class Marks(Generic[T]):
    """Checkboxes of which at most one is ticked.

    Parameters
    ----------
    choices : sequence of (str, T)
        The text and the meaning of each checkbox.
    resting : T
        The meaning of no tick.
    chosen : callable
        Called with the new meaning.
    """

    def __init__(
        self, area: Area, choices: Sequence[tuple[str, T]], resting: T, chosen: Callable[[T], None]
    ) -> None:
        self._resting = resting
        self._chosen = chosen
        self.boxes: list[Any] = []
        self._things = [thing for _, thing in choices]
        for text, _ in choices:
            said = label_text(text)
            self.boxes.append(area.make(widgets.Checkbox, description=said, tooltip=said, indent=False))
        self._observe()

    def show(self, chosen: T) -> None:
        """Show the present choice."""
        for box in self.boxes:
            box.unobserve_all("value")
        for box, thing in zip(self.boxes, self._things, strict=True):
            box.value = thing == chosen
        self._observe()

    def _observe(self) -> None:
        for box, thing in zip(self.boxes, self._things, strict=True):
            box.observe(lambda change, thing=thing: self._ticked(thing, change["new"]), "value")

    def _ticked(self, thing: T, on: bool) -> None:
        chosen = thing if on else self._resting
        self.show(chosen)
        self._chosen(chosen)


def _told_apart(texts: Sequence[str]) -> list[str]:
    """Return the texts, with a number after repeated ones."""
    apart: dict[str, None] = {}
    for text in texts:
        number, told = 1, text
        while told in apart:
            number += 1
            told = f"{text} ({number})"
        apart[told] = None
    return list(apart)
