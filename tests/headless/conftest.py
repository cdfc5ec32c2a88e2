# SPDX-License-Identifier: BSD-3-Clause
"""Notebook files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.conftest import JupyterDirs

WriteNotebook = Callable[..., Path]


@pytest.fixture
def write_notebook(jupyter_dirs: JupyterDirs) -> WriteNotebook:
    """Write a notebook of cells; a cell is its source, or (source, tags)."""

    def write(*cells: str | tuple[str, list[str]], name: str = "analysis.ipynb") -> Path:
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        for cell in cells:
            source, tags = (cell, []) if isinstance(cell, str) else cell
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
        path = jupyter_dirs.notebooks / name
        nbformat.write(notebook, path)
        return path

    return write
