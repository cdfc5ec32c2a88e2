# SPDX-License-Identifier: BSD-3-Clause
"""Which live notebook a person means: by its name, or by its file. Knows no server and no host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

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
        There is no such file, or it is not live; or no notebook has that name.
    """
    if not text.endswith(".ipynb"):
        return await discovery.find(text)
    if not await anyio.Path(text).is_file():
        raise NotebookNotFound(f"There is no file {text}.")
    found = _of_file(Path(text), await discovery.live())
    if found is None:
        name = Path(text).name
        raise NotebookNotFound(f"{name} is not live. Open it in Jupyter and run `%load_ext mcp_jupyter`.")
    return found


def _of_file(path: Path, live: Sequence[ConnectionInfo]) -> ConnectionInfo | None:
    """The notebook in a file. A kernel knows its path from wherever its Jupyter Server began."""
    places = (path.absolute().parts, path.resolve().parts)
    for info in live:
        said = Path(info.path).parts if info.path else ()
        if said and any(parts[-len(said) :] == said for parts in places):
            return info
    return None
