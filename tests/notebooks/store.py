# SPDX-License-Identifier: BSD-3-Clause
"""Run notebooks and store their outputs in them, with nothing that differs from run to run.

    python -m tests.notebooks.store notebooks/quickstart.ipynb
    MCP_JUPYTER_CASSETTES=record python -m tests.notebooks.store notebooks/calling-servers.ipynb

A notebook runs in its own folder and is served under its own file name, as in JupyterLab. Recording
`calling-servers.ipynb` takes npx. Knows nothing of what a notebook is about.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.conftest import isolated_jupyter

CELL_SECONDS = 120  # the first cell that imports pandas, on a busy two-core machine; npx downloads a server


def store_outputs(path: Path) -> None:
    """Run a notebook in a kernel of its own, and write the file again with the outputs."""
    notebook = nbformat.read(path, as_version=4)
    metadata = notebook.metadata.copy()
    with isolated_jupyter() as dirs:
        folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        environ = dirs.environ | {"JPY_SESSION_NAME": str(path.resolve()), "PATH": os.pathsep.join(folders)}
        # No times in the cells, and of a progress line only its last state.
        client = NotebookClient(notebook, timeout=CELL_SECONDS, record_timing=False, coalesce_streams=True)
        client.create_kernel_manager()
        client.execute(cwd=str(path.resolve().parent), env=environ)
    # The kernel says which Python it is; the notebook is for all of them.
    notebook.metadata = metadata
    nbformat.write(notebook, path)


if __name__ == "__main__":
    # This process's own connection files go where the kernel's do.
    with isolated_jupyter() as own:
        os.environ.update(own.settings)
        for argument in sys.argv[1:]:
            store_outputs(Path(argument))
