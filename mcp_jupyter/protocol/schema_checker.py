# SPDX-License-Identifier: BSD-3-Clause
"""Check values against a JSON Schema with jsonschema, in bounded time.

`validation` imports this module with the first schema, because jsonschema is slow to import (0.3 s).
Where `rfc3987_syntax` is installed (Jupyter Server requires it), jsonschema would also build that module's
grammar of IRIs, in more than a second of CPU time. Formats are not checked here, so jsonschema is imported
without it. For other users of jsonschema in this process, who may check formats, the grammar is built when
it is first used.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from time import thread_time
from types import ModuleType
from typing import Any, Final

from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable

from .._util.text import MAX_LINE_CHARS, safe_line, shorten
from ..errors import UncheckableSchema
from .limits import MAX_PROBLEMS

__all__ = ["Checker"]

_GRAMMAR: Final = "rfc3987_syntax"


class _Later(ModuleType):
    """Stands for a module while jsonschema imports it. The first call of a function imports the real one."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **options: Any) -> Any:
            return getattr(importlib.import_module(self.__name__), name)(*args, **options)

        return call


@contextmanager
def _without_grammar() -> Iterator[None]:
    if _GRAMMAR in sys.modules or find_spec(_GRAMMAR) is None:
        yield
        return
    stand_in = sys.modules[_GRAMMAR] = _Later(_GRAMMAR)
    try:
        yield
    finally:
        if sys.modules.get(_GRAMMAR) is stand_in:
            del sys.modules[_GRAMMAR]


with _without_grammar():
    from jsonschema import Draft7Validator, Draft201909Validator, Draft202012Validator
    from jsonschema.exceptions import SchemaError, UnknownType, ValidationError
    from jsonschema.validators import extend


MAX_CHECK_SECONDS: Final = 1.0
"""CPU time of one check, which blocks the event loop. A megabyte of plain arguments passes."""

MAX_PATTERN_COST: Final = 100_000_000
"""Characters of a text times those of a pattern with its repetitions written out: at most 1 s of CPU time."""

MAX_PATTERNS: Final = 16
"""Compiled patterns that are cached. Each may take 10 MiB, and few schemas have more."""

Keyword = Callable[[Any, Any, Any, Any], Any]
"""jsonschema's function for a keyword: (validator, value, instance, schema) to an iterable of errors."""

_TRIPPED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, UnknownType, ValueError)
"""Exceptions of jsonschema's own code. It checks a schema, but not all that references in it lead to."""

_deadline: ContextVar[float] = ContextVar("deadline")


class Checker:
    """Checks values against one schema.

    Parameters
    ----------
    schema : mapping
        The schema, whose size the caller has checked. Without `$schema` its dialect is 2020-12.

    Raises
    ------
    UncheckableSchema
        It is not a valid JSON Schema.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        dialect = _dialect(schema.get("$schema"))
        try:
            dialect.check_schema(schema, format_checker=None)
        except SchemaError as exc:
            raise UncheckableSchema(f"It is not a valid JSON Schema: {_shown(exc)}") from None
        except RecursionError:
            raise UncheckableSchema("It is nested too deep.") from None
        except ValueError:
            raise UncheckableSchema("A name in it is not a valid URI.") from None
        # An empty registry: jsonschema's default one would open URLs.
        self._validator = dialect(schema, registry=Registry())

    def problems(self, value: Any, part: Mapping[str, Any] | bool | None) -> list[str]:
        """Return the problems of a value (see `JsonSchema.problems`)."""
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
                "A reference does not lead to a schema, a number is too large to be compared, or a name is "
                "not a valid URI."
            ) from None
        finally:
            _deadline.reset(reset)


def _shown(error: ValidationError | SchemaError) -> str:
    return f"{error.json_path}: {_short(error.message)}"


def _short(text: str) -> str:
    """Shorten a message in its middle: it begins with the value and ends with the problem."""
    return safe_line(shorten(text, MAX_LINE_CHARS, end=MAX_LINE_CHARS // 2), MAX_LINE_CHARS)


# -- keywords for which jsonschema's function has no bound ---------------------------------------


_COUNTS: Final = re.compile(r"\{([0-9]*)(?:,([0-9]*))?\}")


def _size(pattern: str) -> int:
    """Return an upper bound of a pattern's length with its counted repetitions written out."""
    size = len(pattern)
    for found in _COUNTS.finditer(pattern):
        size *= max(1, *(int(digits[:9] or 0) for digits in found.groups("")))
        if size > MAX_PATTERN_COST:
            break
    return size


@lru_cache(maxsize=MAX_PATTERNS)
def _compiled(pattern: str) -> Any:
    """Compile a pattern for pydantic's engine, whose time is linear in the text, unlike that of `re`.

    The engine lacks look-around and back-references, and so does the interoperable subset (JSON Schema
    2020-12 core, section 6.4).
    """
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern))
    except PatternError:
        raise UncheckableSchema(
            f"The pattern {_short(pattern)!r} is not valid, or needs look-around or back-references, which "
            "have no bound on their time."
        ) from None


def _matches(pattern: str, text: str) -> bool:
    # The engine holds the GIL, so neither a deadline nor an interrupt could end it.
    if _size(pattern) * (len(text) + 100) > MAX_PATTERN_COST:  # 100: for compiling the pattern
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
            yield ValidationError(f"Unknown property {name!r}")
        else:
            yield from validator.descend(instance[name], allowed, path=name)


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Check in linear time. Numbers become text too, because a set of colliding numbers is quadratic."""
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
    """Return a value in a form such that equal values have equal text. In JSON Schema 1.0 equals 1."""
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
