# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook is called in URLs: from any file name to a name that is safe and its own.

Pure text; knows no file and no kernel but the names that are taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

__all__ = ["RESERVED_NAMES", "claim_name", "is_name"]

MAX_NAME_CHARS: Final = 64
"""A name is part of URLs and the prefix of tool names in the hub; longer ones help nobody."""

RESERVED_NAMES: Final = frozenset({"api", "hub", "messages", "sse", "static"})
"""Path segments below the extension's base URL that are, or may become, something else."""

_NAME: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_NAME_CHARS - 1}}}", re.ASCII)
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_FALLBACK: Final = "notebook"
_SUFFIX_CHARS: Final = 4
_MAX_SUFFIX_CHARS: Final = 36  # a whole UUID


def is_name(value: str) -> bool:
    """Whether `value` may name a notebook: URL-safe, no dot or dash first, not reserved."""
    return _NAME.fullmatch(value) is not None and value not in RESERVED_NAMES


def claim_name(wanted: str, kernel_id: str, taken: Collection[str]) -> str:
    """The name a notebook is served under.

    Parameters
    ----------
    wanted : str
        What it would like: its file name without ending, or the user's choice. Letters lose their
        accents, other characters become dashes.
    kernel_id : str
        Tells notebooks with the same name apart, and does so again after a restart of the kernel.
    taken : collection of str
        Names of the other live notebooks.

    Returns
    -------
    str
        The wanted name, or that with the first characters of the kernel id added.
    """
    name = _slug(wanted)
    if is_name(name) and name not in taken:
        return name
    suffix = kernel_id[:_SUFFIX_CHARS]
    while (longer := f"{name[: MAX_NAME_CHARS - 1 - len(suffix)].rstrip('-.')}-{suffix}") in taken:
        if suffix == kernel_id[:_MAX_SUFFIX_CHARS]:
            break
        suffix = kernel_id[: len(suffix) + 1]
    return longer


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return _OTHERS.sub("-", plain).strip("-.")[:MAX_NAME_CHARS].rstrip("-.") or _FALLBACK
