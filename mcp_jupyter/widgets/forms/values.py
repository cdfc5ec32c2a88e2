# SPDX-License-Identifier: BSD-3-Clause
"""The JSON values of a form, as entered texts and back, and the problems of a form without a value.

Pure: nothing is known of fields and widgets.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..._util.text import MAX_MESSAGE_CHARS, safe_line
from ...errors import McpJupyterError

__all__ = [
    "LEFT_OUT",
    "FormError",
    "Path",
    "Problem",
    "index_of",
    "is_encodable",
    "json_text",
    "json_value",
    "number_of",
    "same",
]


LEFT_OUT: Final = object()
"""Used in place of the value of a field that has none."""

MAX_JSON_LINE: Final = 60
"""Characters of JSON on one line; longer JSON is indented over several lines."""


def same(first: Any, second: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    return bool(first == second)


def index_of(options: Sequence[tuple[str, Any]], value: Any) -> int | None:
    """Return the index of the option with a value, or None."""
    return next((index for index, (_, option) in enumerate(options) if same(option, value)), None)


_NUMBER: Final = re.compile(r"([+-]?\d+)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+([eE][+-]?\d+)?", re.ASCII)


def number_of(text: str) -> int | float | None:
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


def json_text(value: Any) -> str:
    """Return a JSON value as text, on one line if it is short."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_JSON_LINE:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if is_encodable(text) else json.dumps(value, indent=2)


def is_encodable(text: str) -> bool:
    """Return whether a text can be sent to the browser: half of a surrogate pair cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def json_value(text: str) -> Any:
    """Return the value that a JSON text means.

    Raises
    ------
    ValueError
        It is not JSON; the message says what it must be.
    """
    try:
        return json.loads(text, parse_constant=_refused)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except json.JSONDecodeError as exc:
        reason = f"line {exc.lineno}, column {exc.colno}: {exc.msg}"
    except ValueError as exc:
        reason = str(exc)
    raise ValueError(f'must be JSON, as 12, "text" or {{"a": 1}} ({reason})')


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not valid JSON")


# -- problems ------------------------------------------------------------------------------------

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
        The field that has the problem.
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

    @property
    def summary(self) -> str:
        """One sentence for the place of the button; the fields themselves show the details."""
        wrong = len({id(problem.of) for problem in self.problems})
        return f"Please correct {wrong} field{'s' if wrong > 1 else ''}."


def place(path: Path) -> str:
    """Return a path in the usual notation: `edits[0].oldText`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return safe_line(text.removeprefix("."))
