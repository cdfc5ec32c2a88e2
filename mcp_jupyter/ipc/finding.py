# SPDX-License-Identifier: BSD-3-Clause
"""Which live notebook a user means: by its name, or by its file. Knows no server and no host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from anyio import to_thread

from ..errors import NotebookNotFound

if TYPE_CHECKING:
    from .discovery import Discovery
    from .files import ConnectionInfo

__all__ = ["find_notebook"]


async def find_notebook(text: str, discovery: Discovery) -> ConnectionInfo:
    """The live notebook of a name, or of a file that ends in `.ipynb`.

    Raises
    ------
    NotebookNotFound
        There is no such file, or it is not live, or several kernels run it; or no notebook has that name.
    """
    if not text.endswith(".ipynb"):
        return await discovery.find(text)
    path = await to_thread.run_sync(_real_path, text)
    if path is None:
        raise NotebookNotFound(f"There is no file {text}.")
    live = await discovery.live()
    found = [info for info in live if info.path == path]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotebookNotFound(
            f"Several live notebooks are at {path}. Say which by its name: {_names(found)}."
        )
    raise NotebookNotFound(_not_live(path, live))


def _real_path(text: str) -> str | None:
    return os.path.realpath(text) if os.path.isfile(text) else None


def _not_live(path: str, live: Sequence[ConnectionInfo]) -> str:
    name = PurePath(path).name
    reason = f"{name} is not live. Open it in Jupyter and run `%load_ext mcp_jupyter`."
    # Some programs give a kernel a path whose root is unknown: it may be this file, or another.
    ends = [
        info for info in live if info.path and not os.path.isabs(info.path) and _ends_with(path, info.path)
    ]
    if ends:
        reason += f" If it is this one, say so by its name: {_names(ends)}."
    return reason


def _ends_with(path: str, end: str) -> bool:
    parts = PurePath(end).parts
    return PurePath(path).parts[-len(parts) :] == parts


def _names(infos: Sequence[ConnectionInfo]) -> str:
    return ", ".join(f"{info.name} ({info.path})" for info in infos)
