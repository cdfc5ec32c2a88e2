# SPDX-License-Identifier: BSD-3-Clause
"""Code as a new cell below the one in use: asks the page, which has our extension, to insert it.

The page listens at a comm target (`labextension/src/cells.ts`), inserts and closes the comm with
`{"inserted": true}`. Where nobody listens (no extension, another front end) Jupyter closes it, or nothing
comes: then the person copies the code. Nothing is ever run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from comm import create_comm

__all__ = ["TARGET", "Inserter"]

TARGET: Final = "mcp-jupyter.insert"
"""As in `labextension/src/tokens.ts`."""


class Inserter:
    """Asks for one insertion at a time. Main thread only.

    Parameters
    ----------
    inserted : function
        Called once the cell is there.
    """

    def __init__(self, inserted: Callable[[], None]) -> None:
        self._inserted = inserted
        self._comm: Any = None

    def insert(self, code: str) -> None:
        """Ask for a cell with this code."""
        self.close()
        comm = create_comm(target_name=TARGET, data={"code": code})
        comm.on_close(lambda message: self._closed(comm, message))
        self._comm = comm

    def close(self) -> None:
        """Wait for no answer any more."""
        comm, self._comm = self._comm, None
        if comm is not None:
            comm.close()

    def _closed(self, comm: Any, message: Mapping[str, Any]) -> None:
        if comm is not self._comm:
            return  # closed by us
        self._comm = None
        data = message.get("content", {}).get("data")
        if isinstance(data, Mapping) and data.get("inserted") is True:
            self._inserted()
