# SPDX-License-Identifier: BSD-3-Clause
"""The entries of a form's fields: convert what was entered to a value and back.

A field is left out, null, or given. An empty text may mean any of the three: `presence` says which. Each
entry takes the values that its kind of field can show; others are kept as JSON text (`raw`), so that a value
that was set is read back unchanged.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from ..._util.json_schema import is_secret
from ..._util.text import MAX_MESSAGE_CHARS, safe_line
from ...errors import McpJupyterError
from .schema import Rules, format_problem, label_text, option_text

if TYPE_CHECKING:
    from .layout import Drawn

__all__ = [
    "LEFT_OUT",
    "About",
    "Area",
    "ChoiceEntry",
    "Entry",
    "FormError",
    "ManyEntry",
    "NumberEntry",
    "Page",
    "Path",
    "Presence",
    "Problem",
    "SwitchEntry",
    "TextEntry",
    "same",
]


LEFT_OUT: Final = object()
"""Used in place of the value of a field that has none."""

MAX_JSON_LINE: Final = 60
"""Characters of JSON on one line; longer JSON is indented over several lines."""


class Presence(StrEnum):
    """Whether a field has a value."""

    LEFT_OUT = "left out"
    NULL = "null"
    GIVEN = "given"


@dataclass(frozen=True)
class About:
    """The description of a field, whatever its value. Its texts are the server's and not yet escaped.

    Parameters
    ----------
    label, help : str
        The field's name and description.
    schema : Any
        The schema that values are checked against, as it stands in the whole one.
    plain : mapping
        The same schema, with references and `allOf` resolved (see `Reader.plain`).
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
        """Whether the entered text must be hidden."""
        return is_secret(self.plain)


class Entry:
    """A field and its entered value. This base class is the fallback: JSON text, validated.

    Parameters
    ----------
    about : About
        The description of the field.
    rules : Rules
        The checks of the form.

    Attributes
    ----------
    presence : Presence
        Whether the field has a value.
    raw : str or None
        JSON text that stands for the value; None while the field itself shows the value.
    slip : str
        Text that was entered in a choice and matches none of its options.
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
        """Start with the schema's default if that fits, else empty."""
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
        """Empty the field: leave it out, or set the smallest value if it may not be left out."""
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
        """Return the value or `LEFT_OUT`; append to `problems` what is wrong with it."""
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
        """Append what does not fit the schema of the whole field."""
        for line in self.rules.misfits(self.about.schema, value):
            where, _, text = line.removeprefix("$").partition(": ")
            # jsonschema's message quotes the value, which may hold a secret.
            text = "does not fit its schema" if self.holds_secret else text
            self._wrong(path, f"{where.removeprefix('.')}: {text}" if where else text, problems)

    # -- parts ----------------------------------------------------------------------------------

    @property
    def parts(self) -> Iterator[tuple[str | int, Entry]]:
        """The inner entries, each with its step of the path."""
        return iter(())

    @property
    def size(self) -> int:
        """The number of fields, including this one."""
        return 1 + sum(part.size for _, part in self.parts)

    @property
    def holds_secret(self) -> bool:
        """Whether the field or a part of it is a secret, or its JSON text may contain one."""
        if self.raw is not None and self.rules.has_secret:
            return True
        return self.about.is_secret or any(part.holds_secret for _, part in self.parts)

    # -- for each kind of field -----------------------------------------------------------------

    def _forget(self) -> None:
        """Drop the entered value. Called once before each of the next three methods."""

    def _begin(self) -> None:
        """Set the value at the start, if there is no default."""
        self._begin_empty()

    def _begin_empty(self) -> None:
        """Set the value that must exist even in an empty field."""

    def _take(self, value: Any) -> bool:
        """Show a value; return whether this kind of field can show it."""
        return False

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        raise NotImplementedError


class TextEntry(Entry):
    """A text. While it is empty, `presence` says what that means."""

    always_raw = False
    may_be_empty = True

    def __init__(self, about: About, rules: Rules) -> None:
        super().__init__(about, rules)
        self.text = ""

    @property
    def blanks(self) -> list[Presence]:
        """The possible meanings of an empty text."""
        meanings = [Presence.LEFT_OUT]
        if self.may_be_empty:
            meanings.append(Presence.GIVEN)
        if self.about.nullable:
            meanings.append(Presence.NULL)
        return meanings

    def write(self, text: str) -> None:
        """Enter a text; an empty one means that the field is left out."""
        self.text = text
        self.presence = Presence.GIVEN if text else Presence.LEFT_OUT

    def set_blank(self, meaning: Presence) -> None:
        """Set the meaning of an empty text; has no effect on other texts."""
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
    """A number, as text, which has any number of digits and can be empty."""

    may_be_empty = False

    @property
    def whole(self) -> bool:
        """Whether only integers are valid."""
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
    """Return the number that a text means; None for any other text, including infinity."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    try:
        if match[1] is not None and not match[2] and not match[3]:
            return int(match[1])
        value = float(match[0])
    except ValueError:  # more digits than Python converts
        return None
    return value if math.isfinite(value) else None


def _json_text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_JSON_LINE:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if _is_encodable(text) else json.dumps(value, indent=2)


def _is_encodable(text: str) -> bool:
    """Return whether a text can be sent to the browser: half of a surrogate pair cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _reason(exc: ValueError) -> str:
    return exc.msg if isinstance(exc, json.JSONDecodeError) else str(exc)


# -- problems ------------------------------------------------------------------------------------
#
# The problems of a form's values, and their places.

Path = tuple[str | int, ...]
"""Property names and indices, from the form down to a field."""


@dataclass(frozen=True)
class Problem:
    """One reason why a form has no value.

    Parameters
    ----------
    path : tuple of str and int
        The path of the field; empty for the form itself.
    text : str
        The reason, as in "required". It never contains a secret.
    of : object
        The entry that has the problem.
    """

    path: Path
    text: str
    of: object = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        text = safe_line(self.text, MAX_MESSAGE_CHARS)
        return f"{place(self.path)}: {text}" if self.path else text


class FormError(McpJupyterError, ValueError):
    """A form has no value yet; the message has one line per problem, as in `city: required`.

    Parameters
    ----------
    problems : sequence of Problem
        In the order of the fields.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def place(path: Path) -> str:
    """Return a path in the usual notation: `edits[0].oldText`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return safe_line(text.removeprefix("."))


# -- page ----------------------------------------------------------------------------------------
#
# Make the widgets of one form with common layouts, and close them together. Main thread only.

_LINE: Final = "3px solid var(--jp-border-color1, #bdbdbd)"


class Page:
    """Layouts, styles and callbacks that all fields of a form share.

    Parameters
    ----------
    changed : callable
        Called after the user changed an entry.
    draw : callable
        Draws an entry of any kind.
    """

    def __init__(self, changed: Callable[[], None], draw: Callable[[Entry, Page, str], Drawn]) -> None:
        self.changed = changed
        self.draw = draw
        self.disabled = False
        self.shows_blanks = False
        # Layouts and styles are shared, because each is a widget with a comm of its own.
        # A width of 100 % would leave no room for the margins that front ends put around a widget.
        self.wide = widgets.Layout(width="auto", max_width="56em")
        # The label is above the field, so that it is not cut where the page is narrow.
        self.field = widgets.Layout(
            width="auto",
            max_width="56em",
            height="auto",
            display="grid",
            grid_template_columns="minmax(0, 1fr)",
            grid_auto_rows="minmax(28px, auto)",
            align_items="stretch",
        )
        self.narrow = widgets.Layout(width="auto", align_self="flex-start")
        self.inset = widgets.Layout(width="auto", padding="0 0 0 10px", border_left=_LINE)
        self.hidden = widgets.Layout(display="none")
        self._styles: dict[Any, Any] = {}

    def make(self, kind: Any, **traits: Any) -> Any:
        """Make a widget, as wide as the form unless `layout` is given."""
        if kind in self._styles:
            traits["style"] = self._styles[kind]
        widget = kind(**{"layout": self.wide, **traits})
        if kind not in self._styles and widget.has_trait("style"):
            self._styles[kind] = widget.style
            if widget.style.has_trait("description_width"):
                widget.style.description_width = "fit-content"
        if widget.has_trait("disabled"):
            widget.disabled = self.disabled
        return widget

    def close(self) -> None:
        """Close the shared layouts and styles."""
        for shared in (self.wide, self.field, self.narrow, self.inset, self.hidden, *self._styles.values()):
            shared.close()


class Area:
    """Widgets that are made and closed together."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._widgets: list[Any] = []
        self.drawn: list[Drawn] = []

    def make(self, kind: Any, **traits: Any) -> Any:
        """Make a widget that the area will close."""
        self._widgets.append(self._page.make(kind, **traits))
        return self._widgets[-1]

    def control(self, kind: Any, label: str, **traits: Any) -> Any:
        """Make a widget to fill in; its label is the description, which screen readers use as its name."""
        if kind is not widgets.Checkbox:
            traits["layout"] = self._page.field
        return self.make(kind, description=label_text(label), tooltip=option_text(label), **traits)

    def button(self, text: str, pressed: Callable[[], None]) -> Any:
        """Make a button."""
        said = label_text(text)
        button = self.make(widgets.Button, description=said, tooltip=said, layout=self._page.narrow)
        button.on_click(lambda _: pressed())
        return button

    def draw(self, entry: Entry, label: str) -> Drawn:
        """Draw an entry; the area will close it."""
        self.drawn.append(self._page.draw(entry, self._page, label))
        return self.drawn[-1]

    def disable(self, disabled: bool) -> None:
        """Disable or enable all widgets."""
        for widget in self._widgets:
            if widget.has_trait("disabled"):
                widget.disabled = disabled

    @property
    def focusable(self) -> Iterator[Any]:
        """The widgets that can have the focus, in the order in which they were made."""
        yield from (widget for widget in self._widgets if widget.has_trait("disabled"))

    def clear(self) -> None:
        """Close all widgets."""
        for drawn in self.drawn:
            drawn.close()
        for widget in self._widgets:
            widget.close()
        self.drawn, self._widgets = [], []


# -- choices -------------------------------------------------------------------------------------
#
# Entries of fields with a fixed set of values: on or off, one of several, any of several. Pure.


class SwitchEntry(Entry):
    """True or false, for a field that must be one of them."""

    always_raw = False

    def __init__(self, about: About, rules: Rules) -> None:
        super().__init__(about, rules)
        self.on = False

    def write(self, on: bool) -> None:
        """Turn it on or off."""
        self.on, self.presence = on, Presence.GIVEN

    def _forget(self) -> None:
        self.on = False

    def _begin_empty(self) -> None:
        self.presence = Presence.GIVEN

    def _take(self, value: Any) -> bool:
        if not isinstance(value, bool):
            return False
        self.on = value
        return True

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        return self.on


class ChoiceEntry(Entry):
    """One of several values.

    Parameters
    ----------
    options : sequence of (str, Any)
        The text and the value of each option.
    """

    always_raw = False

    def __init__(self, about: About, rules: Rules, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, rules)
        self.options = tuple(options)
        self.chosen: int | None = None

    def choose(self, index: int | None, without: Presence = Presence.LEFT_OUT) -> None:
        """Choose an option; with None, the field is left out or null."""
        self._reset(without if index is None else Presence.GIVEN)
        self.chosen = index

    def _forget(self) -> None:
        self.chosen = None

    def _begin(self) -> None:
        if self.about.required and len(self.options) == 1 and not self.about.nullable:
            self.choose(0)

    def _take(self, value: Any) -> bool:
        self.chosen = _index(self.options, value)
        return self.chosen is not None

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        assert self.chosen is not None
        return self.options[self.chosen][1]


class ManyEntry(Entry):
    """Any of several values, in the order they were chosen.

    Parameters
    ----------
    options : sequence of (str, Any)
        The text and the value of each option.
    """

    always_raw = False

    def __init__(self, about: About, rules: Rules, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, rules)
        self.options = tuple(options)
        self.chosen: list[int] = []

    def choose(self, index: int, on: bool) -> None:
        """Add or remove an option."""
        self.presence = Presence.GIVEN
        self.chosen = [other for other in self.chosen if other != index] + [index] * on

    def give(self, presence: Presence) -> None:
        """Set whether there is a list."""
        if presence is not self.presence:
            self._reset(presence)

    def _forget(self) -> None:
        self.chosen = []

    def _begin_empty(self) -> None:
        if self.about.required:
            self.presence = Presence.GIVEN

    def _take(self, value: Any) -> bool:
        if not isinstance(value, list):
            return False
        found = [_index(self.options, item) for item in value]
        self.chosen = [index for index in found if index is not None]
        return len(set(self.chosen)) == len(value)

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        value = [self.options[index][1] for index in self.chosen]
        self._check(value, path, problems)
        return value


def same(first: Any, second: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    return bool(first == second)


def _index(options: Sequence[tuple[str, Any]], value: Any) -> int | None:
    return next((index for index, (_, option) in enumerate(options) if same(option, value)), None)
