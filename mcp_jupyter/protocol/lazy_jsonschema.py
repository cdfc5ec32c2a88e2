# SPDX-License-Identifier: BSD-3-Clause
"""jsonschema, imported without the grammar that it has for the format "iri".

jsonschema imports `rfc3987_syntax` where that is installed (Jupyter Server brings it). That module builds a
grammar when it is imported: more than a second of CPU time, in which a notebook stands still. Formats are
not checked here, but other users of jsonschema in this process may check them: for them the grammar is built
when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

_GRAMMAR: Final = "rfc3987_syntax"


class _Later(ModuleType):
    """Stands for a module while others import it, and becomes the module when a function of it is called."""

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

__all__ = [
    "Draft7Validator",
    "Draft201909Validator",
    "Draft202012Validator",
    "SchemaError",
    "UnknownType",
    "ValidationError",
    "extend",
]
