# SPDX-License-Identifier: BSD-3-Clause
"""A configuration file that belongs to another program: read with care, kept, and replaced in one step.

Knows nothing of what is in it. A copy from before our first change stays beside it; another program that
writes at the same moment is noticed, not overwritten.
"""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import McpJupyterError

__all__ = ["ConfigFile", "ConfigRefused"]

MAX_BYTES: Final = 32 * 1024 * 1024
"""Hosts keep their history in the same file: some megabytes. What is longer is something else."""

BACKUP_SUFFIX: Final = ".before-jupyter-mcp"

NEW_MODE: Final = 0o600
"""Of a file that was not there: people put tokens into these files."""

_BOM: Final = "\ufeff"


class ConfigRefused(McpJupyterError):
    """The file is left as it is; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file as it was read.

    Attributes
    ----------
    path : Path
        The file itself, where a link led to it.
    data : bytes or None
        What it held; None when there was none.
    mode : int
        Its permissions, and those of what takes its place.
    """

    path: Path
    data: bytes | None
    mode: int

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """Read it.

        Raises
        ------
        ConfigRefused
            It is no regular file, too large, or cannot be read.
        """
        try:
            real = path.resolve()
            if not path.exists():
                if path.is_symlink():
                    raise ConfigRefused(f"{path} is a link to {real}, which is not there.")
                return cls(real, None, NEW_MODE)
            found = real.stat()
            link = f"a link to {real}, which is" if path.is_symlink() else "there, but it is"
            if not stat.S_ISREG(found.st_mode):
                raise ConfigRefused(f"{path} is {link} no regular file.")
            if found.st_size > MAX_BYTES:
                raise ConfigRefused(f"{path} is larger than {MAX_BYTES // 1024**2} MiB: no configuration is.")
            return cls(real, real.read_bytes(), stat.S_IMODE(found.st_mode))
        except (OSError, RuntimeError) as exc:  # RuntimeError: links in a circle
            raise ConfigRefused(f"{path} cannot be read: {exc}.") from None

    @property
    def text(self) -> str:
        """What it says, without a byte order mark; empty when it is new.

        Raises
        ------
        ConfigRefused
            It is not UTF-8.
        """
        try:
            return (self.data or b"").decode().removeprefix(_BOM)
        except UnicodeDecodeError as exc:
            raise ConfigRefused(f"{self.path} is not UTF-8: byte {exc.start} cannot be read.") from None

    def replace(self, text: str, *, private: bool = False) -> Path | None:
        """Put `text` in its place, at once or not at all.

        Parameters
        ----------
        private : bool
            The file holds a token: only its owner may read it from now on.

        Returns
        -------
        Path or None
            Where the file is kept as it was before the first change; None when there was none.

        Raises
        ------
        ConfigRefused
            It was changed since it was read, or cannot be written.
        """
        marked = self.data is not None and self.data.startswith(_BOM.encode())
        backup = self.path.with_name(self.path.name + BACKUP_SUFFIX)
        try:
            if self.data is not None and not os.path.lexists(backup):
                self._write(backup, self.data, self.mode)
            if ConfigFile.read(self.path).data != self.data:
                raise ConfigRefused(f"{self.path} was changed by another program meanwhile. Try again.")
            mode = self.mode & NEW_MODE if private else self.mode
            self._write(self.path, ((_BOM if marked else "") + text).encode(), mode)
        except OSError as exc:
            raise ConfigRefused(f"{self.path} cannot be written: {exc}.") from None
        return backup if os.path.lexists(backup) else None

    @staticmethod
    def _write(path: Path, data: bytes, mode: int) -> None:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
        new = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.chmod(mode)
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
