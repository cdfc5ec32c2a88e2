# SPDX-License-Identifier: BSD-3-Clause
"""Find the notebook's file under programs that run notebooks and do not tell the kernel which one it is.

`jupyter execute`, `jupyter nbconvert --execute` and papermill start the kernel as their child: their command
line and their working directory say which notebook they run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Final

__all__ = ["HOW_TO_RECORD", "notebook_being_run"]

HOW_TO_RECORD: Final = (
    "The path of this notebook is not known here, so neither is its cassette: give %mcp_connect the option "
    "--cassette FILE, or run `pytest --nbmake --mcp-cassettes=record NOTEBOOK.ipynb` (or =replay), "
    "`jupyter execute NOTEBOOK.ipynb` or `papermill --inject-paths` with one notebook."
)

MAX_PARENTS: Final = 3
"""Processes above the kernel that are looked at: on Windows a virtual environment's python.exe is between."""

MAX_PROGRAM_WORDS: Final = 4
"""Of a command line, the words among which the program is: `python -m papermill`, `jupyter nbconvert`."""

_RUNNERS: Final = frozenset({"jupyter-execute", "jupyter-nbconvert", "nbconvert", "papermill"})

_VALUES: Final = {"--output": 1, "--parameters": 2, "--parameters_raw": 2, "-p": 2, "-r": 2}
"""How many words after an option may be names of notebooks that are not the one that is run."""


def notebook_being_run() -> Path | None:
    """The file of the notebook that a program above this kernel runs; None where that is not known."""
    import psutil

    try:
        for process in psutil.Process().parents()[:MAX_PARENTS]:
            name = notebook_in(process.cmdline())
            if name is not None:
                path = Path(process.cwd(), name)
                return path if path.is_file() else None
    except psutil.Error:
        pass
    return None


def notebook_in(words: Sequence[str]) -> str | None:
    """The notebook that a command line runs, as it names it; None when it runs none, or several."""
    programs = [PureWindowsPath(word).name.removesuffix(".exe") for word in words[:MAX_PROGRAM_WORDS]]
    found = [program for program in programs if program in _RUNNERS]
    if not found:
        return None
    notebooks = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _VALUES:
            del rest[: _VALUES[word]]
        elif word.endswith(".ipynb") and not word.startswith("-"):
            notebooks.append(word)
    is_alone = len(notebooks) == 1 or (found[0] == "papermill" and len(notebooks) == 2)  # and its output
    return notebooks[0] if is_alone else None
