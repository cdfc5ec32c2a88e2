# SPDX-License-Identifier: BSD-3-Clause
"""A notebook document from a file. Knows no kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import nbformat

from ..errors import McpJupyterError

__all__ = ["MAX_NOTEBOOK_BYTES", "HeadlessError", "read_notebook"]

MAX_NOTEBOOK_BYTES: Final = 256 * 2**20
"""Of a document with its outputs; it is read into memory."""


class HeadlessError(McpJupyterError):
    """A notebook cannot be run: its file or its kernel."""


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a document, whatever version of the format it has.

    Raises
    ------
    HeadlessError
        It cannot be read, is too large, or is no notebook.
    """
    read: Any = nbformat.read
    try:
        if path.stat().st_size > MAX_NOTEBOOK_BYTES:
            raise HeadlessError(f"{path} is larger than {MAX_NOTEBOOK_BYTES} bytes.")
        notebook: nbformat.NotebookNode = read(path, as_version=4)
    except HeadlessError:
        raise
    except OSError as exc:
        raise HeadlessError(f"{path} cannot be read: {exc.strerror or exc}.") from None
    except Exception as exc:  # noqa: BLE001 - whatever nbformat's readers of old formats raise
        raise HeadlessError(f"{path} is no notebook: {str(exc).partition(chr(10))[0][:200]}") from None
    return notebook
