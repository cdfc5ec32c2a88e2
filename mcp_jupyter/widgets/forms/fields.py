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


# -- problems ------------------------------------------------------------------------------------
#
# What is wrong with what was entered, and where. Knows neither fields nor widgets.

Path = tuple[str | int, ...]
"""Property names and indices, from the form down to a field."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a form from having a value.

    Parameters
    ----------
    path : tuple of str and int
        Of the field; empty for the form itself.
    text : str
        What is wrong: "required". Never the text of a secret.
    of : object
        The entry it is a problem of.
    """

    path: Path
    text: str
    of: object = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        text = safe_line(self.text, MAX_MESSAGE_CHARS)
        return f"{place(self.path)}: {text}" if self.path else text


class FormError(McpJupyterError, ValueError):
    """A form has no value yet; one line a problem, as in `city: required`.

    Parameters
    ----------
    problems : sequence of Problem
        In the order of the fields.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def place(path: Path) -> str:
    """A path as people write it: `edits[0].oldText`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return safe_line(text.removeprefix("."))


# -- page ----------------------------------------------------------------------------------------
#
# The widgets of one form: made alike, and closed together. Knows no kind of field.
#
# Of the kernel's main thread.

_LINE: Final = "3px solid var(--jp-border-color1, #bdbdbd)"


class Page:
    """What all fields of a form share.

    Parameters
    ----------
    changed : callable
        Called after a person changed an entry.
    draw : callable
        Draws an entry, whatever its kind.
    """

    def __init__(self, changed: Callable[[], None], draw: Callable[[Entry, Page, str], Drawn]) -> None:
        self.changed = changed
        self.draw = draw
        self.disabled = False
        self.shows_blanks = False
        # Shared: each layout and style is a widget with a comm of its own.
        # A width of 100 % would not leave room for the margins that front ends put around a widget.
        self.wide = widgets.Layout(width="auto", max_width="56em")
        # The label above, so that it is whole, also where the page is narrow.
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
        """Make a widget, as wide as the form unless `layout` says otherwise."""
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
        """Close what is shared."""
        for shared in (self.wide, self.field, self.narrow, self.inset, self.hidden, *self._styles.values()):
            shared.close()


class Area:
    """Widgets that come and go together."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._widgets: list[Any] = []
        self.drawn: list[Drawn] = []

    def make(self, kind: Any, **traits: Any) -> Any:
        """Make a widget, which is the area's to close."""
        self._widgets.append(self._page.make(kind, **traits))
        return self._widgets[-1]

    def control(self, kind: Any, label: str, **traits: Any) -> Any:
        """Make a widget that a person fills in; its label is the description, which names it to a reader."""
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
        """Draw an entry, which is the area's to close."""
        self.drawn.append(self._page.draw(entry, self._page, label))
        return self.drawn[-1]

    def disable(self, disabled: bool) -> None:
        """Let a person change nothing, or again."""
        for widget in self._widgets:
            if widget.has_trait("disabled"):
                widget.disabled = disabled

    @property
    def focusable(self) -> Iterator[Any]:
        """What can have the focus, in the order it was made."""
        yield from (widget for widget in self._widgets if widget.has_trait("disabled"))

    def clear(self) -> None:
        """Close all."""
        for drawn in self.drawn:
            drawn.close()
        for widget in self._widgets:
            widget.close()
        self.drawn, self._widgets = [], []


# -- choices -------------------------------------------------------------------------------------
#
# Entries of which one chooses: on or off, one of several values, any of several. Pure.


class SwitchEntry(Entry):
    """True or false, where it has to be one of them."""

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
        What is shown for a value, and the value.
    """

    always_raw = False

    def __init__(self, about: About, rules: Rules, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, rules)
        self.options = tuple(options)
        self.chosen: int | None = None

    def choose(self, index: int | None, without: Presence = Presence.LEFT_OUT) -> None:
        """Choose an option, or none: then the field is left out or null."""
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
        What is shown for a value, and the value.
    """

    always_raw = False

    def __init__(self, about: About, rules: Rules, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, rules)
        self.options = tuple(options)
        self.chosen: list[int] = []

    def choose(self, index: int, on: bool) -> None:
        """Take an option in, or out."""
        self.presence = Presence.GIVEN
        self.chosen = [other for other in self.chosen if other != index] + [index] * on

    def give(self, presence: Presence) -> None:
        """Say whether there is a list at all."""
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
    """Whether two JSON values are equal; to JSON true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    return bool(first == second)


def _index(options: Sequence[tuple[str, Any]], value: Any) -> int | None:
    return next((index for index, (_, option) in enumerate(options) if same(option, value)), None)
