# SPDX-License-Identifier: BSD-3-Clause
"""Values against a JSON Schema of somebody's, within bounds. Knows no tool, and fetches nothing.

The rules are jsonschema's, for the dialects 2020-12 (the protocol's own, SEP-1613), 2019-09 and draft 7.
Its author or the value's may be hostile (SECURITY, T33), so a check has a bound on everything: a reference
never leaves the schema, a pattern runs on an engine of linear time, the whole on a budget of CPU time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from time import thread_time
from typing import Any, Final

from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable

from ..errors import UncheckableSchema
from .lazy_jsonschema import (
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
    SchemaError,
    UnknownType,
    ValidationError,
    extend,
)

__all__ = ["MAX_CHECK_SECONDS", "MAX_SCHEMA_DEPTH", "MAX_SCHEMA_PARTS", "JsonSchema"]

MAX_SCHEMA_PARTS: Final = 5_000
"""Objects and arrays in one schema: the largest models of real tools have some hundreds."""

MAX_SCHEMA_DEPTH: Final = 64
"""Objects and arrays within each other: checking recurses."""

MAX_CHECK_SECONDS: Final = 1.0
"""CPU time of one check, which holds the event loop: a megabyte of plain arguments passes."""

MAX_PATTERN_COST: Final = 100_000_000
"""Characters of a text times those of a pattern, counted out: the engine takes 1 s for the worst of them."""

MAX_PATTERNS: Final = 16
"""Patterns kept ready, of which each may fill 10 MiB: more than one schema has as a rule."""

MAX_PROBLEMS: Final = 5
"""Problems named: enough to mend a call, short enough to read."""

MAX_SHOWN_CHARS: Final = 200
"""Of one problem: it quotes the value, which may be long."""

Keyword = Callable[[Any, Any, Any, Any], Any]
"""jsonschema's form of a keyword: (validator, its value, instance, schema) to an iterable of errors."""

_TRIPPED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, UnknownType, ValueError)
"""What jsonschema raises of its own. It checks a schema, but not all that references in it lead to."""

_deadline: ContextVar[float] = ContextVar("deadline")


class JsonSchema:
    """A schema that values can be checked against.

    Parameters
    ----------
    schema : mapping
        Without `$schema` it is of 2020-12.

    Raises
    ------
    UncheckableSchema
        It is no JSON Schema, or exceeds a bound.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        _measure(schema)
        dialect = _dialect(schema.get("$schema"))
        try:
            dialect.check_schema(schema, format_checker=None)
        except SchemaError as exc:
            raise UncheckableSchema(f"It is no JSON Schema: {_shown(exc)}") from None
        except RecursionError:
            raise UncheckableSchema("It is nested too deep.") from None
        except ValueError:
            raise UncheckableSchema("A name in it is no URI.") from None
        # A registry that retrieves nothing: jsonschema's default one would open URLs.
        self._validator = dialect(schema, registry=Registry())

    def problems(self, value: Any, part: Mapping[str, Any] | bool | None = None) -> list[str]:
        """What does not fit, the first `MAX_PROBLEMS`; empty when the value fits.

        Parameters
        ----------
        part : mapping or bool, optional
            Check against this instead: a schema that stands in this one, or is made of what does. Its
            references lead into this one.

        Raises
        ------
        UncheckableSchema
            A reference leads out of the schema, a pattern has no bound on its time, or the check took too
            long.
        """
        validator = self._validator if part is None else self._validator.evolve(schema=part)
        reset = _deadline.set(thread_time() + MAX_CHECK_SECONDS)
        try:
            return [_shown(error) for error in islice(validator.iter_errors(value), MAX_PROBLEMS)]
        except Unresolvable as exc:
            raise UncheckableSchema(f"A reference leads nowhere in it: {_short(str(exc.ref))}") from None
        except RecursionError:
            raise UncheckableSchema("A reference leads back to itself, or the value is too deep.") from None
        except _TRIPPED:
            raise UncheckableSchema(
                "A reference leads to no schema, a number is too large to be compared, or a name is no URI."
            ) from None
        finally:
            _deadline.reset(reset)


def _measure(schema: Any) -> None:
    """Refuse what is too large, before anything recurses into it."""
    parts, level = 0, [schema]
    words: set[str] = set()
    for _ in range(MAX_SCHEMA_DEPTH):
        within = [part for part in level if isinstance(part, Mapping | list)]
        parts += len(within)
        if parts > MAX_SCHEMA_PARTS:
            raise UncheckableSchema(f"It has more than {MAX_SCHEMA_PARTS} parts.")
        words.update(key for part in within if isinstance(part, Mapping) for key in part)
        level = [item for part in within for item in (part.values() if isinstance(part, Mapping) else part)]
    if level:
        raise UncheckableSchema(f"It is more than {MAX_SCHEMA_DEPTH} levels deep.")
    if words >= {"patternProperties", "unevaluatedProperties"}:
        # jsonschema looks for what is evaluated with `re`, whose time has no bound.
        raise UncheckableSchema("It has both patternProperties and unevaluatedProperties.")


def _shown(error: ValidationError | SchemaError) -> str:
    return f"{error.json_path}: {_short(error.message)}"


def _short(text: str) -> str:
    """A message without its middle: the value stands first, and what is wrong with it last."""
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[: MAX_SHOWN_CHARS // 2]}...{text[-MAX_SHOWN_CHARS // 2 :]}"


# -- keywords whose usual form has no bound ------------------------------------------------------


_COUNTS: Final = re.compile(r"\{([0-9]*)(?:,([0-9]*))?\}")


def _size(pattern: str) -> int:
    """The length of a pattern with its counted repetitions written out, or more."""
    size = len(pattern)
    for found in _COUNTS.finditer(pattern):
        size *= max(1, *(int(digits[:9] or 0) for digits in found.groups("")))
        if size > MAX_PATTERN_COST:
            break
    return size


@lru_cache(maxsize=MAX_PATTERNS)
def _compiled(pattern: str) -> Any:
    """A pattern on pydantic's engine, whose time is linear in the text, unlike `re`'s.

    It has no look-around and no back-references; the interoperable subset (JSON Schema 2020-12 core,
    section 6.4) has none either.
    """
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern))
    except PatternError:
        raise UncheckableSchema(
            f"The pattern {_short(pattern)!r} is none, or needs look-around or back-references, which have "
            "no bound on their time."
        ) from None


def _matches(pattern: str, text: str) -> bool:
    # The engine holds the interpreter: no deadline would be looked at, and no interrupt.
    if _size(pattern) * (len(text) + 100) > MAX_PATTERN_COST:  # some for making it
        raise UncheckableSchema(f"{len(text)} characters are too long for the pattern {_short(pattern)!r}.")
    return bool(_compiled(pattern).isinstance_python(text))


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name in instance.keys() - schema.get("properties", {}).keys():
        if any(_matches(pattern, name) for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError(f"There is no property {name!r} in the schema")
        else:
            yield from validator.descend(instance[name], allowed, path=name)


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """In linear time; numbers, too, are compared as text: a set of numbers made to collide is quadratic."""
    if not unique or not validator.is_type(instance, "array"):
        return
    seen = set()
    for index, item in enumerate(instance):
        key = json.dumps(_canonical(item), sort_keys=True)
        if key in seen:
            yield ValidationError(f"Items must be unique; item {index} is there already")
            return
        seen.add(key)


def _canonical(value: Any) -> Any:
    """A value such that equal ones have equal text: to JSON Schema 1.0 is 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return value


def _timed(check: Keyword) -> Keyword:
    def timed(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        if thread_time() > _deadline.get():
            raise UncheckableSchema(f"Checking takes more than {MAX_CHECK_SECONDS:g} s.")
        return check(validator, value, instance, schema)

    return timed


_OWN: Final[Mapping[str, Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


def _bounded(dialect: Any) -> Any:
    keywords = {**dialect.VALIDATORS, **_OWN}
    return extend(dialect, {name: _timed(check) for name, check in keywords.items()})  # type: ignore[no-untyped-call]


_DEFAULT: Final = _bounded(Draft202012Validator)
_OTHERS: Final = {
    "http://json-schema.org/draft-07/schema": _bounded(Draft7Validator),
    "https://json-schema.org/draft/2019-09/schema": _bounded(Draft201909Validator),
}


def _dialect(named: object) -> Any:
    return _OTHERS.get(named.rstrip("#"), _DEFAULT) if isinstance(named, str) else _DEFAULT
