# SPDX-License-Identifier: BSD-3-Clause
"""Fit names of tools to model APIs, and find the names of the modules in which classes are defined.

Libraries are recognised by the names of their modules, so that none has to be imported. A metaclass may
define `__module__` as a property that raises, so the name is read from the class by `type`'s own getter.

Sources: Anthropic, "Implement tool use" (`^[a-zA-Z0-9_-]{1,64}$`); OpenAI, "Function calling" (the same). The
specification allows more (2025-11-25, server/tools: 1 to 128 of `A-Za-z0-9_.-`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

__all__ = ["MAX_NAME_CHARS", "is_builtin", "library_of", "marked_name", "module_of", "plain_name"]

MAX_NAME_CHARS: Final = 64
"""The longest name of a tool or an argument that model APIs accept: they refuse a whole request for one
longer name. Hosts and the aggregate prefix tools with the name of a server or notebook, which may not be
longer."""

_DIGEST_CHARS: Final = 8
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)
_MODULE: Final = type.__dict__["__module__"].__get__  # not `kind.__module__`, which asks the metaclass


def plain_name(name: str) -> str:
    """Replace every character that model APIs refuse in a name by `_`. The length stays as it is."""
    return _UNFIT.sub("_", name)


def marked_name(name: str, whole: str) -> str:
    """Append a digest to a name, and cut the name where the result would be too long.

    Parameters
    ----------
    name : str
        A name as `plain_name` returns it.
    whole : str
        The text to digest: everything that distinguishes the named object from others.
    """
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    return f"{name[: MAX_NAME_CHARS - 1 - _DIGEST_CHARS]}_{digest}"


def module_of(kind: type) -> str:
    """Return the name of a class's module; empty if it has none."""
    try:
        module = _MODULE(kind)
    except AttributeError:
        return ""
    return module if isinstance(module, str) else ""


def library_of(kind: type) -> str:
    """Return the name of the package that a class's module belongs to, as "pandas"; empty if it has none."""
    return module_of(kind).partition(".")[0]


def is_builtin(value: Any) -> bool:
    """Whether a value's class is built in, such as int or list. Most values have such a class."""
    return module_of(type(value)) == "builtins"
