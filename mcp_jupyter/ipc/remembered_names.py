# SPDX-License-Identifier: BSD-3-Clause
"""The names that notebooks had: a notebook gets its name again, and no other gets it meanwhile.

One small private file for each name, in the Jupyter data directory. It holds the name and the notebook's real
path. A name whose notebook does not exist any longer is free.

These functions block on the file system, and what they read is checked.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from .._util.private_files import make_private_directory, read_private, write_private

__all__ = ["RememberedNames"]

log = logging.getLogger(__name__)

MAX_NAMES: Final = 2000
"""More notebooks than a user has; beyond it the names that were not used for longest are forgotten."""

MAX_FILE_BYTES: Final = 16 * 1024
"""A name and a path."""


class RememberedNames:
    """The names of one user's notebooks.

    Parameters
    ----------
    directory : Path, optional
        Where they are kept; below the Jupyter data directory when left out.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or _default_directory()

    def owner(self, name: str) -> str | None:
        """The path of the existing notebook that a name belongs to."""
        try:
            found = json.loads(read_private(self._file(name), MAX_FILE_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
        path = found.get("path") if isinstance(found, dict) and found.get("name") == name else None
        return path if isinstance(path, str) and "\0" not in path and os.path.exists(path) else None

    def remember(self, name: str, path: str) -> None:
        """Let a name be that of the notebook at `path`. A directory that cannot be written is logged only."""
        file = self._file(name)
        try:
            make_private_directory(self._directory)
            if not file.exists():
                self._make_room()
            write_private(file, json.dumps({"name": name, "path": path}).encode())
        except OSError as exc:
            log.warning("The name of notebook %r is not remembered: %s.", name, exc.strerror or exc)

    def _make_room(self) -> None:
        files = list(self._directory.glob("*.json"))
        if len(files) < MAX_NAMES:
            return
        for file in sorted(files, key=_last_used)[: len(files) - MAX_NAMES + 1]:
            with suppress(OSError):
                file.unlink()

    def _file(self, name: str) -> Path:
        # A file's name may have 255 bytes, and some file systems take two spellings for one.
        return self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _last_used(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _default_directory() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp_jupyter" / "names"
