# SPDX-License-Identifier: BSD-3-Clause
"""What a client may read of the notebook as a whole: what it is doing; and, where the person lets it, the
variables there are and the cells that ran.

Reads only, calls nothing of the person's own objects, and waits for no cell.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from IPython.core.interactiveshell import InteractiveShell

from .._util.class_names import module_of
from ..server.content import tables
from ..server.fastmcp.resources import Resource

__all__ = ["STATUS_URI", "cells_resource", "status_resource", "variables_resource"]

STATUS_URI: Final = "notebook://status"

MAX_CELLS: Final = 100
"""The last cells that ran: what somebody who reads along needs."""

MAX_CHARS: Final = 10_000
"""Characters of one cell's source, and of one output."""

MAX_VARIABLES: Final = 1000
"""Variables in one answer."""

_SIZED: Final = (str, bytes, bytearray, list, tuple, dict, set, frozenset, range)
"""Whose length is asked for: that of other classes is their own code."""


def status_resource(status: Callable[[], Mapping[str, Any]]) -> Resource:
    """What the notebook is doing: answered on the engine's loop, also while all threads are taken."""

    async def read() -> Mapping[str, Any]:
        return status()

    resource = Resource.of(
        STATUS_URI,
        read,
        name="status",
        description="What the notebook is doing: whether a cell or call runs, how long, how many wait.",
        mime_type="application/json",
        concurrent=True,
    )
    return replace(resource, always=True)


def variables_resource(shell: InteractiveShell) -> Resource:
    """The names, kinds, shapes and sizes of the notebook's variables; not their values."""

    def read() -> dict[str, Any]:
        hidden = shell.user_ns_hidden
        names = [name for name in dict(shell.user_ns) if not name.startswith("_") and name not in hidden]
        found = []
        for name in names[:MAX_VARIABLES]:
            if (value := shell.user_ns.get(name, hidden)) is not hidden:
                found.append({"name": name, **_about(value)})
        return {"variables": found, "total": len(names)}

    resource = Resource.of(
        "notebook://variables",
        read,
        name="variables",
        description="The variables of the notebook: names, kinds, shapes, sizes.",
        mime_type="application/json",
        concurrent=True,
    )
    return replace(resource, ours=True)


def _about(value: Any) -> dict[str, Any]:
    kind = type(value)
    said: dict[str, Any] = {"kind": kind.__qualname__, "module": module_of(kind)}
    try:
        if tables.is_frame(value):
            shape = [len(value), tables.width(value)] if hasattr(value, "columns") else [len(value)]
            said |= {"shape": shape, "bytes": tables.nbytes(value)}
        elif module_of(kind) == "numpy" and hasattr(value, "nbytes"):
            said |= {"shape": list(value.shape), "dtype": str(value.dtype), "bytes": int(value.nbytes)}
        elif kind in _SIZED:
            said |= {"length": len(value), "bytes": sys.getsizeof(value)}
    except Exception as exc:  # noqa: BLE001 - a class derived from a frame's may do anything
        said["error"] = type(exc).__name__
    return said


def cells_resource(shell: InteractiveShell) -> Resource:
    """The cells that ran, with what they printed, gave and raised, as IPython's history has them."""

    def read() -> dict[str, Any]:
        history: Any = shell.history_manager
        sources = list(history.input_hist_raw)
        shown = [_cell(history, number, sources) for number in range(1, len(sources))][-MAX_CELLS:]
        return {"cells": shown, "total": max(0, len(sources) - 1)}

    resource = Resource.of(
        "notebook://cells",
        read,
        name="cells",
        description="The last cells that ran in the notebook: source and outputs.",
        mime_type="application/json",
        concurrent=True,
    )
    return replace(resource, ours=True)


def _cell(history: Any, number: int, sources: list[str]) -> dict[str, Any]:
    # IPython keeps outputs since 9; displays of other kinds go to the notebook alone.
    outputs = [_text(each.bundle) for each in list(getattr(history, "outputs", {}).get(number, ()))]
    said: dict[str, Any] = {
        "number": number,
        "source": _cut(sources[number]),
        "outputs": [_cut(output) for output in outputs if output],
    }
    error = getattr(history, "exceptions", {}).get(number)
    if error:
        said["error"] = _cut(f"{error.get('ename')}: {error.get('evalue')}")
    return said


def _text(bundle: Mapping[str, Any]) -> str:
    text = bundle.get("stream", bundle.get("text/plain", ""))
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}... ({len(text)} characters)"
