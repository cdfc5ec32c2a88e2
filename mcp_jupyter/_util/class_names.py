# SPDX-License-Identifier: BSD-3-Clause
"""Say where a value's class is from, whatever the class makes of the question.

Libraries are recognised by the names of their modules, so that none has to be imported. A metaclass may
define `__module__` as a property, which may raise; what the interpreter itself knows of a class does not.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["is_builtin", "library_of", "module_of"]

_MODULE: Final = type.__dict__["__module__"].__get__  # not `kind.__module__`, which asks the metaclass


def module_of(kind: type) -> str:
    """The name of a class's module; empty where it has none."""
    try:
        module = _MODULE(kind)
    except AttributeError:
        return ""
    return module if isinstance(module, str) else ""


def library_of(kind: type) -> str:
    """The name of the package that a class's module belongs to, as "pandas"; empty where it has none."""
    return module_of(kind).partition(".")[0]


def is_builtin(value: Any) -> bool:
    """Whether a value is one of Python's own, such as an int or a list: most of what there is."""
    return module_of(type(value)) == "builtins"
