# SPDX-License-Identifier: BSD-3-Clause
"""A form for one JSON Schema: its widget, its value and its problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import ipywidgets as widgets

from ..._util.json_schema import alternatives, choices, kinds
from .containers import GroupEntry, ListEntry, ObjectEntry, VariantEntry
from .fields import (
    LEFT_OUT,
    About,
    ChoiceEntry,
    Entry,
    FormError,
    ManyEntry,
    NumberEntry,
    Page,
    Problem,
    SwitchEntry,
    TextEntry,
)
from .layout import TextDrawn, draw
from .schema import NOTES, Plain, Reader, Rules

__all__ = [
    "MAX_DEPTH",
    "MAX_FIELDS",
    "MAX_OPTIONS",
    "SchemaForm",
    "build",
]


class SchemaForm:
    """A form that the user fills in, for any JSON Schema. Main thread only.

    Values that no field can show are entered and shown as JSON.

    Parameters
    ----------
    schema : Any
        The schema, which is not trusted.
    label : str
        A legend for the whole form.

    Attributes
    ----------
    widget : ipywidgets.Widget
        The widget to display.
    """

    def __init__(self, schema: Any, *, label: str = "") -> None:
        self._listeners: list[Callable[[SchemaForm], None]] = []
        self._says_problems = False
        self._entry = build(schema, label)
        self._page = Page(self._changed, draw)
        self._drawn = draw(self._entry, self._page, label)
        self._blanks = self._page.make(
            widgets.Checkbox,
            description="Say what empty fields mean: left out, empty text, null",
            indent=False,
            layout=self._page.wide if self._has_fields else self._page.hidden,
        )
        self._blanks.observe(self._show_blanks, "value")
        self.widget = self._page.make(widgets.VBox, children=[self._drawn.widget, self._blanks])

    # -- the value ------------------------------------------------------------------------------

    def value(self) -> Any:
        """Return the entered JSON value.

        Raises
        ------
        FormError
            A value is missing or does not fit; each field shows its problem.
        """
        value, problems = self._read()
        self._says_problems = bool(problems)
        self._show_problems(problems)
        if problems:
            raise FormError(problems)
        return value

    @property
    def is_json(self) -> bool:
        """Whether the whole value is entered as one JSON text."""
        return type(self._entry) is Entry

    @property
    def entered(self) -> Any:
        """The values entered so far, without missing and unreadable ones; they may not fit the schema."""
        value, _ = self._read()
        return None if value is LEFT_OUT else value

    def set(self, value: Any) -> None:
        """Replace the entered values by a JSON value.

        Raises
        ------
        TypeError, ValueError
            It is not a JSON value.
        """
        self._entry.set(json.loads(json.dumps(value, allow_nan=False)))
        self._says_problems = False
        self._drawn.draw()
        self._changed()

    def problems(self) -> list[str]:
        """Return why the form has no value, one line per problem: `city: required`."""
        return [str(problem) for problem in self._read()[1]]

    def on_change(self, listener: Callable[[SchemaForm], None]) -> None:
        """Call `listener(form)` after each change."""
        self._listeners.append(listener)

    # -- the widget -----------------------------------------------------------------------------

    @property
    def disabled(self) -> bool:
        """Whether the user cannot change anything, as while a call runs."""
        return self._page.disabled

    @disabled.setter
    def disabled(self, disabled: bool) -> None:
        self._page.disabled = self._blanks.disabled = disabled
        for drawn in self._drawn.within:
            for area in drawn.areas:
                area.disable(disabled)

    def focus(self) -> None:
        """Put the keyboard's focus into the first field."""
        for drawn in self._drawn.within:
            for area in drawn.areas:
                for widget in area.focusable:
                    widget.focus()
                    return

    def close(self) -> None:
        """Close all widgets of the form."""
        self._drawn.close()
        self._blanks.close()
        self.widget.close()
        self._page.close()
        self._listeners.clear()

    # -- within ---------------------------------------------------------------------------------

    @property
    def _has_fields(self) -> bool:
        return not isinstance(self._entry, GroupEntry) or self._entry.size > 1

    def _read(self) -> tuple[Any, list[Problem]]:
        problems: list[Problem] = []
        value = self._entry.read((), problems)
        if value is LEFT_OUT and not problems:
            problems.append(Problem((), "required", self._entry))
        return value, problems

    def _show_problems(self, problems: list[Problem]) -> None:
        for drawn in self._drawn.within:
            drawn.show_problems(problems)

    def _changed(self) -> None:
        if self._says_problems:
            self._show_problems(self._read()[1])
        for listener in list(self._listeners):
            listener(self)

    def _show_blanks(self, change: Any) -> None:
        self._page.shows_blanks = change["new"]
        for drawn in list(self._drawn.within):
            if isinstance(drawn, TextDrawn):
                drawn.draw()


# -- building ------------------------------------------------------------------------------------
#
# Choose the kind of entry for a schema. Schemas that are too complex or too large are entered as JSON. Pure.

MAX_FIELDS: Final = 300
"""Fields of one form: each is about five widgets, and users fill in about ten."""

MAX_DEPTH: Final = 6
"""Nested objects, lists and alternatives; a page has no room for deeper ones."""

MAX_OPTIONS: Final = 500
"""Options of one choice: enough for all time zones."""

MAX_VARIANTS: Final = 20
"""Alternatives of one value."""

MAX_DEFAULT_CHARS: Final = 100_000
"""Characters of a default text from the server."""

_LISTING: Final = ("const", "enum", "enumNames")
"""Keywords that list values."""


def build(schema: Any, label: str = "") -> Entry:
    """Return the entry for a schema, with its parts, started with the schema's defaults."""
    rules = Rules(schema)
    if rules.reason is not None:
        entry = Entry(About(label, schema), rules)
    else:
        entry = _Builder(Reader(schema), rules, _Room(), 0).make(schema, label, True)
    entry.start()
    return entry


class _Room:
    """The number of fields of a form."""

    fields = 0


class _Builder:
    """Makes the entries at one depth.

    Parameters
    ----------
    depth : int
        The number of groups around them.
    """

    def __init__(self, reader: Reader, rules: Rules, room: _Room, depth: int) -> None:
        self._reader = reader
        self._rules = rules
        self._room = room
        self._depth = depth

    def has_room(self, fields: int) -> bool:
        return self._room.fields + fields <= MAX_FIELDS

    def drop(self, entry: Entry) -> None:
        self._room.fields -= entry.size

    def make(self, schema: Any, label: str, required: bool) -> Entry:
        has_room = self.has_room(1)
        self._room.fields += 1
        plain = self._reader.plain(schema)
        about = _about(schema, plain or {}, label, required)
        entry = self._entry(about, plain) if has_room else None
        return entry or Entry(about, self._rules)

    def _entry(self, about: About, plain: Plain | None) -> Entry | None:
        """Return an entry of the kind that fits, or None."""
        for _ in range(MAX_DEPTH):  # each round removes one layer of alternatives
            variants = None if plain is None else self._reader.variants(plain)
            if plain is None or variants is None:
                return None
            about = replace(about, plain=plain, help=about.help or _text(plain.get("description")))
            if not variants or self._reader.only_constrains(plain, alternatives(plain)):
                return self._simple(about)
            left = [variant for variant in variants if not self._is_null(variant)]
            if len(left) < len(variants):
                about = replace(about, nullable=True)
            if len(left) != 1:
                return self._alternatives(about, left)
            plain = self._reader.plain(left[0])
        return None

    def _is_null(self, schema: Any) -> bool:
        plain = self._reader.plain(schema)
        return plain is not None and (plain.get("type") == "null" or _options(plain) == [("null", None)])

    def _alternatives(self, about: About, variants: Sequence[Any]) -> Entry | None:
        """Return a choice of values if each alternative is one value, else a choice of schemas."""
        titled = self._titled(variants)
        if titled:
            return ChoiceEntry(about, self._rules, titled)
        if len(variants) > MAX_VARIANTS:
            return None
        labels = [_name_of(self._reader.plain(variant) or {}) for variant in variants]
        return self._variants(about, list(zip(labels, variants, strict=True)))

    def _titled(self, variants: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the values of alternatives that are one value each, perhaps with a title."""
        plain = [self._reader.plain(variant) for variant in variants[: MAX_OPTIONS + 1]]
        options = choices({"oneOf": plain}, {})
        return options if len(options) <= MAX_OPTIONS else []

    def _variants(self, about: About, options: Sequence[tuple[str, Any]]) -> Entry | None:
        if self._depth >= MAX_DEPTH or not options:
            return None
        return VariantEntry(about, self._rules, self._within(), options)

    def _within(self) -> _Builder:
        return _Builder(self._reader, self._rules, self._room, self._depth + 1)

    def _simple(self, about: About) -> Entry | None:
        """Return the entry for a schema without alternatives."""
        plain = about.plain
        options = _options(plain)
        if options:
            return self._choice(about, options)
        types = kinds(plain)
        if "null" in types and len(types) > 1:
            about, types = replace(about, nullable=True), [kind for kind in types if kind != "null"]
        if len(types) != 1:
            bare = {key: value for key, value in plain.items() if key not in NOTES}
            return self._variants(about, [(kind, {**bare, "type": kind}) for kind in types])
        return self._of_kind(replace(about, plain={**plain, "type": types[0]}), types[0])

    def _choice(self, about: About, options: list[tuple[str, Any]]) -> Entry | None:
        if len(options) > MAX_OPTIONS:
            return None
        some = [(text, value) for text, value in options if value is not None]
        if some and len(some) < len(options):
            about, options = replace(about, nullable=True), some
        return ChoiceEntry(about, self._rules, options)

    def _of_kind(self, about: About, kind: str) -> Entry | None:
        if kind == "boolean" and about.required and not about.nullable:
            return SwitchEntry(about, self._rules)
        if kind in _VALUES:
            return ChoiceEntry(about, self._rules, _VALUES[kind])
        if kind in _TEXTS:
            return _TEXTS[kind](about, self._rules)
        if self._depth >= MAX_DEPTH:
            return None
        return self._list(about) if kind == "array" else self._object(about)

    def _list(self, about: About) -> Entry | None:
        items = about.plain.get("items")
        if not isinstance(items, Mapping) or not items:
            return None
        plain = self._reader.plain(items)
        options = _options(plain or {}) or self._titled(self._reader.variants(plain or {}) or [])
        if 0 < len(options) <= MAX_OPTIONS:
            return ManyEntry(about, self._rules, options)
        return ListEntry(about, self._rules, self._within())

    def _object(self, about: About) -> Entry | None:
        plain = about.plain
        conditional = [plain[key] for key in ("then", "else") if key in plain]
        conditional += plain.get("dependentSchemas", {}).values()
        # Properties that depend on others cannot be drawn.
        if conditional and not self._reader.only_constrains(plain, conditional):
            return None
        properties, others = plain.get("properties"), plain.get("additionalProperties")
        is_map = isinstance(others, Mapping) and bool(others)
        anything = properties is None and not is_map and others is not False
        # Within another object, an object that may have any property is entered as JSON.
        if (anything and self._depth) or not self.has_room(len(properties or ())):
            return None
        may_add = is_map or (not properties and others is not False and (anything or others is not None))
        others = others if is_map or others is False else True
        return ObjectEntry(about, self._rules, self._within(), others, may_add)


_VALUES: Final[Mapping[str, list[tuple[str, Any]]]] = {
    "boolean": [("yes", True), ("no", False)],
    "null": [("null", None)],
}
_TEXTS: Final = {"string": TextEntry, "integer": NumberEntry, "number": NumberEntry}


# -- parts of a plain schema --------------------------------------------------------------------------


def _about(schema: Any, plain: Plain, label: str, required: bool) -> About:
    default = plain.get("default", LEFT_OUT)
    if isinstance(default, str) and len(default) > MAX_DEFAULT_CHARS:
        default = LEFT_OUT
    return About(
        label=_text(plain.get("title")) or label,
        schema=schema,
        help=_text(plain.get("description")),
        plain=plain,
        required=required,
        default=default,
    )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _options(plain: Plain) -> list[tuple[str, Any]]:
    """Return the values of `const` or `enum` with their labels, at most one more than `MAX_OPTIONS`."""
    return choices({key: plain[key] for key in _LISTING if key in plain}, {}, MAX_OPTIONS + 1)


def _name_of(plain: Plain) -> str:
    """Return a label for an alternative: its title, a value that it fixes, or its type."""
    title = _text(plain.get("title"))
    if title:
        return title
    for name, schema in plain.get("properties", {}).items():
        if isinstance(schema, Mapping) and "const" in schema:
            return f"{name}: {choices(schema, {})[0][0]}"
    options, types, items = _options(plain), kinds(plain), plain.get("items")
    if options:
        return " or ".join(text for text, _ in options[:4])
    if types == ["array"] and isinstance(items, Mapping) and isinstance(items.get("type"), str):
        return f"array of {items['type']}"
    return " or ".join(types) or "JSON"
