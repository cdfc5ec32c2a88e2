# SPDX-License-Identifier: BSD-3-Clause
"""A form for one JSON Schema: its widget, its value and its problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import ipywidgets as widgets

from ..._util.json_schema import alternatives, choices, kinds
from .containers import ListField, ManyField, ObjectField, VariantField
from .fields import About, ChoiceField, Field, NumberField, SwitchField, TextField
from .page import Page, close, tree
from .schema import NOTES, Plain, Reader, Rules
from .values import LEFT_OUT, FormError, Problem

__all__ = [
    "MAX_DEPTH",
    "MAX_FIELDS",
    "MAX_OPTIONS",
    "Builder",
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
        self._field = build(schema, label)
        self._page = Page(self._changed)
        drawn = self._field.draw(self._page, label)
        self._json = self._page.make(
            widgets.ToggleButton,
            description="{ } JSON",
            tooltip="Edit the values as JSON, or in fields again",
            layout=self._page.narrow if self._has_json else self._page.hidden,
        )
        self._json.observe(self._switched, "value")
        self.widget = self._page.make(widgets.VBox, children=[drawn, self._json])
        self._show_switch()

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

    def submit(self) -> Any:
        """Return the value as `value` does; the first wrong field gets the keyboard's focus.

        Raises
        ------
        FormError
            As `value`.
        """
        try:
            return self.value()
        except FormError as exc:
            first = exc.problems[0].of
            if isinstance(first, Field):
                self._field.reveal(first)
                first.focus()
            raise

    @property
    def is_json(self) -> bool:
        """Whether the whole value is entered as one JSON text."""
        return type(self._field) is Field

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
        self._field.set(json.loads(json.dumps(value, allow_nan=False)))
        self._says_problems = False
        self._field.draw_again()
        self._show_switch()
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
        self._page.disabled = disabled
        for widget in tree(self.widget):
            if widget.has_trait("disabled"):
                widget.disabled = disabled

    def focus(self) -> None:
        """Put the keyboard's focus into the first field."""
        self._field.focus()

    def close(self) -> None:
        """Close all widgets of the form."""
        close(self.widget)
        self._page.close()
        self._listeners.clear()

    # -- within ---------------------------------------------------------------------------------

    @property
    def _has_json(self) -> bool:
        """Whether the form can be edited as JSON too. JSON text would show secrets."""
        return not self.is_json and self._field.size > 1 and not self._field.rules.has_secret

    def _read(self) -> tuple[Any, list[Problem]]:
        problems: list[Problem] = []
        value = self._field.read((), problems)
        if value is LEFT_OUT and not problems:
            problems.append(Problem((), "required", self._field))
        return value, problems

    def _show_problems(self, problems: list[Problem]) -> None:
        for field in self._field.within:
            field.show_problems(problems)

    def _changed(self) -> None:
        if self._says_problems:
            self._show_problems(self._read()[1])
        for listener in list(self._listeners):
            listener(self)

    def _show_switch(self) -> None:
        """Show whether the form is JSON now, without switching it."""
        self._json.unobserve(self._switched, "value")
        self._json.value = self._field.raw is not None
        self._json.observe(self._switched, "value")

    def _switched(self, change: Any) -> None:
        why = ""
        if change["new"]:
            self._field.to_json()
        else:
            why = self._field.to_fields()
        self._says_problems = False
        self._field.draw_again()
        self._show_switch()
        if why:
            self._field.show_problems([Problem((), why, self._field)])
        self._changed()


# -- building ------------------------------------------------------------------------------------

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


def build(schema: Any, label: str = "") -> Field:
    """Return the field for a schema, with its parts, started with the schema's defaults and not drawn."""
    builder = Builder(schema)
    builder.root = builder.make(schema, label, True)
    builder.root.start()
    return builder.root


class Builder:
    """Makes the fields of one form: the place that chooses the class of field for a schema.

    Schemas that are too complex or too large are entered as JSON.

    Parameters
    ----------
    schema : Any
        The whole schema.

    Attributes
    ----------
    rules : Rules
        The checks of the form.
    root : Field or None
        The field that holds all others; None until it is made.
    """

    root: Field | None = None

    def __init__(self, schema: Any) -> None:
        self.rules = Rules(schema)
        self._reader = Reader(schema)

    def has_room(self, fields: int) -> bool:
        """Return whether the form may have this many more fields."""
        return fields + (self.root.size if self.root is not None else 0) <= MAX_FIELDS

    def make(self, schema: Any, label: str, required: bool, depth: int = 0) -> Field:
        """Make the field for a part of the schema, with `depth` groups around it; it is not started."""
        plain = self._reader.plain(schema) if self.rules.reason is None else None
        about = _about(schema, plain or {}, label, required, depth)
        field = self._field(about, plain) if self.has_room(1) else None
        return field or Field(about, self)

    def _field(self, about: About, plain: Plain | None) -> Field | None:
        """Return a field of the kind that fits, or None."""
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

    def _alternatives(self, about: About, variants: Sequence[Any]) -> Field | None:
        """Return a choice of values if each alternative is one value, else a choice of schemas."""
        titled = self._titled(variants)
        if titled:
            return ChoiceField(about, self, titled)
        if len(variants) > MAX_VARIANTS:
            return None
        labels = [_name_of(self._reader.plain(variant) or {}) for variant in variants]
        return self._variants(about, list(zip(labels, variants, strict=True)))

    def _titled(self, variants: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the values of alternatives that are one value each, perhaps with a title."""
        plain = [self._reader.plain(variant) for variant in variants[: MAX_OPTIONS + 1]]
        options = choices({"oneOf": plain}, {})
        return options if len(options) <= MAX_OPTIONS else []

    def _variants(self, about: About, options: Sequence[tuple[str, Any]]) -> Field | None:
        if about.depth >= MAX_DEPTH or not options:
            return None
        return VariantField(about, self, options)

    def _simple(self, about: About) -> Field | None:
        """Return the field for a schema without alternatives."""
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

    def _choice(self, about: About, options: list[tuple[str, Any]]) -> Field | None:
        if len(options) > MAX_OPTIONS:
            return None
        some = [(text, value) for text, value in options if value is not None]
        if some and len(some) < len(options):
            about, options = replace(about, nullable=True), some
        return ChoiceField(about, self, options)

    def _of_kind(self, about: About, kind: str) -> Field | None:
        if kind == "boolean" and not about.nullable:
            return SwitchField(about, self)
        if kind in _VALUES:
            return ChoiceField(about, self, _VALUES[kind])
        if kind in _TEXTS:
            return _TEXTS[kind](about, self)
        if about.depth >= MAX_DEPTH:
            return None
        return self._list(about) if kind == "array" else self._object(about)

    def _list(self, about: About) -> Field | None:
        items = about.plain.get("items")
        if not isinstance(items, Mapping) or not items:
            return None
        plain = self._reader.plain(items)
        options = _options(plain or {}) or self._titled(self._reader.variants(plain or {}) or [])
        if 0 < len(options) <= MAX_OPTIONS:
            return ManyField(about, self, options)
        return ListField(about, self)

    def _object(self, about: About) -> Field | None:
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
        if (anything and about.depth) or not self.has_room(1 + len(properties or ())):
            return None
        may_add = is_map or (not properties and others is not False and (anything or others is not None))
        others = others if is_map or others is False else True
        return ObjectField(about, self, others, may_add)


_VALUES: Final[Mapping[str, list[tuple[str, Any]]]] = {
    "boolean": [("yes", True), ("no", False)],
    "null": [("null", None)],
}
_TEXTS: Final = {"string": TextField, "integer": NumberField, "number": NumberField}


# -- parts of a plain schema --------------------------------------------------------------------------


def _about(schema: Any, plain: Plain, label: str, required: bool, depth: int) -> About:
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
        depth=depth,
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
