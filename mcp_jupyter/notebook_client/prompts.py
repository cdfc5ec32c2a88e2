# SPDX-License-Identifier: BSD-3-Clause
"""Ask a server's question by prompts in a cell that blocks: one line to type per field.

`mcp_jupyter.widgets` asks the same questions as forms. Main thread only.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any, Final

from IPython.core.error import StdinNotImplementedError

from .._ipython.questions import Question
from .._util.json_schema import choices, properties
from .._util.text import MAX_MESSAGE_CHARS, join_names, safe_block, safe_line
from ..client.pairs import parse_value

__all__ = ["put"]

MAX_TRIES: Final = 5
"""Tries per question and per field; then the question is cancelled, and the user can call again."""

_WAYS_OUT: Final = "or type /decline or /cancel"


_BOOLEANS: Final = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}


class _LeftError(Exception):
    """The user typed /decline or /cancel."""

    def __init__(self, decline: bool) -> None:
        super().__init__()
        self.decline = decline


def put(question: Question) -> None:
    """Ask the user a question and settle it.

    Without input (a notebook that runs without a front end) the question is cancelled.

    Raises
    ------
    KeyboardInterrupt
        The user interrupted; the caller cancels the call and with it the question.
    """
    if question.is_settled:
        return
    try:
        _ask(question)
    except _LeftError as left:
        if left.decline:
            question.decline()
        else:
            question.cancel()
    except (StdinNotImplementedError, EOFError):
        question.cancel()


def _ask(question: Question) -> None:
    print(f"{question.server} asks: {question.message}")
    if question.kind == "url":
        print(f"Visit {safe_block(question.url)} yourself if you trust it.")
        _line(f"Press Enter when you are done, {_WAYS_OUT}: ")
        question.accept()
    elif question.kind == "sampling":
        question.accept(_line(f"Your answer, {_WAYS_OUT}: "))
    else:
        _ask_form(question)


def _ask_form(question: Question) -> None:
    form = properties(question.schema)
    if not form.schemas:
        _line(f"Press Enter to agree, {_WAYS_OUT}: ")
        question.accept({})
        return
    print(f"(Leave a line empty for the default, {_WAYS_OUT}.)")
    for _ in range(MAX_TRIES):
        content: dict[str, Any] = {}
        for number, (name, field) in enumerate(form.schemas.items(), 1):
            place = f"{number} of {len(form.schemas)}: " if len(form.schemas) > 1 else ""
            _ask_field(name, field, name in form.required, content, place)
        try:
            question.accept(content)
        except ValueError as exc:
            print(f"That does not fit: {safe_line(str(exc), MAX_MESSAGE_CHARS)}")
        else:
            return
    question.cancel()


def _ask_field(
    name: str, field: Mapping[str, Any], needed: bool, content: dict[str, Any], place: str
) -> None:
    """Ask for one field; an empty line takes its default or leaves it out."""
    label = str(field.get("title") or name)
    text = _prompt_of(f"{place}{label}", field, needed)
    for _ in range(MAX_TRIES):
        typed = _line(text, secret=field.get("format") == "password")
        if not typed:
            if "default" in field:
                content[name] = field["default"]
            if "default" in field or not needed:
                return
            print(f"{safe_line(label)} is required.")
            continue
        try:
            content[name] = _value(label, typed, field)
        except ValueError as exc:
            print(safe_line(str(exc), MAX_MESSAGE_CHARS))
        else:
            return
    raise _LeftError(decline=False)


def _value(label: str, typed: str, field: Mapping[str, Any]) -> Any:
    titles = dict(_choices(field))
    if field.get("type") == "array":
        parts = [part.strip() for part in typed.split(",") if part.strip()]
        return [titles.get(part, part) for part in parts]
    if field.get("type") == "boolean":
        if typed.lower() not in _BOOLEANS:
            raise ValueError(f"{label} must be yes or no.")
        return _BOOLEANS[typed.lower()]
    return titles[typed] if typed in titles else parse_value(label, typed, field, field)


def _choices(field: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the titles and values that a field, or each item of its list, is limited to."""
    return choices(field.get("items") if field.get("type") == "array" else field, field)


def _prompt_of(label: str, field: Mapping[str, Any], needed: bool) -> str:
    notes = [str(field["description"])] if field.get("description") else []
    if offered := _choices(field):
        several = "some of" if field.get("type") == "array" else "one of"
        notes.append(f"{several} {join_names(title for title, _ in offered)}")
    elif field.get("type") == "boolean":
        notes.append("yes or no")
    if "default" in field:
        notes.append(f"default {_default_text(field['default'], offered)}")
    elif not needed:
        notes.append("optional")
    said = f"{label} ({'; '.join(notes)}): " if notes else f"{label}: "
    return safe_line(said, MAX_MESSAGE_CHARS) + " "


def _default_text(default: Any, offered: list[tuple[str, Any]]) -> str:
    """Return a default as the titles of its choices, if it has such titles."""
    chosen = default if isinstance(default, list) else [default]
    titles = [next((title for title, value in offered if value == each), None) for each in chosen]
    named = [title for title in titles if title is not None]
    return ", ".join(named) if chosen and len(named) == len(chosen) else repr(default)


def _line(text: str, *, secret: bool = False) -> str:
    typed = (getpass.getpass(text) if secret else input(text)).strip()
    if typed in ("/decline", "/cancel"):
        raise _LeftError(decline=typed == "/decline")
    return typed
