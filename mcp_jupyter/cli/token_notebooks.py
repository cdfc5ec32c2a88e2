# SPDX-License-Identifier: BSD-3-Clause
"""Which notebooks a new token opens: paths, or names where the user wants that."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from ..extension.tokens import BoundNotebook
    from ..ipc.files import ConnectionInfo

__all__ = ["ANY_NAME", "NotebookChoice", "chosen_notebooks", "real_path"]

ANY_NAME: Final = "--any-notebook-of-this-name"

MAX_SERVER_FILE_BYTES: Final = 64 * 1024
"""What a Jupyter Server writes about itself has some 300 bytes and a path."""

_NOT_LIVE: Final = (
    "No live notebook is named {0!r}, so its path is not known and no token can be bound to it. Start the "
    "notebook, give its path (folder/{0}.ipynb), or add {1} to open any notebook that is called so."
)
_NO_PATH: Final = (
    "The live notebook {0!r} does not know its path, so no token can be bound to it. Add {1} to open any "
    "notebook that is called so."
)


@dataclass(slots=True)
class NotebookChoice:
    """What a token opens.

    Attributes
    ----------
    notebooks : list of BoundNotebook
        By their paths.
    servers : list of str
        Names and globs: any notebook of such a name.
    names : list of str
        What all of these are called in URLs.
    """

    notebooks: list[BoundNotebook] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def chosen_notebooks(
    words: Sequence[str], any_name: bool, live: Sequence[ConnectionInfo], runtime_dir: Path
) -> NotebookChoice:
    """The notebooks that a token shall open.

    Parameters
    ----------
    words : sequence of str
        Names of live notebooks, paths of notebooks, and globs.
    any_name : bool
        All are names, and mean any notebook of such a name.

    Raises
    ------
    click.UsageError
        A path is not known.
    click.ClickException
        A file does not exist.
    """
    from ..extension.tokens import BoundNotebook, is_glob

    choice = NotebookChoice()
    by_name = {info.name: info for info in live}
    for word in words:
        if any_name or is_glob(word):
            choice.servers.append(word)
            choice.names.append(word)
            continue
        path = _path_of(word, by_name)
        choice.notebooks.append(BoundNotebook(path=path, root=_root_of(path, runtime_dir)))
        choice.names.append(_name_of(path, live))
    return choice


def _path_of(word: str, by_name: dict[str, ConnectionInfo]) -> str:
    if word.endswith(".ipynb") or os.sep in word:
        return real_path(word)
    info = by_name.get(word)
    if info is None:
        raise click.UsageError(_NOT_LIVE.format(word, ANY_NAME))
    if info.path is None or not os.path.isabs(info.path):
        raise click.UsageError(_NO_PATH.format(word, ANY_NAME))
    return info.path


def real_path(text: str) -> str:
    """The real path of a file or folder.

    Raises
    ------
    click.ClickException
        It does not exist.
    """
    if not os.path.exists(text):
        raise click.ClickException(f"There is no file {text}.")
    return os.path.realpath(text)


def _name_of(path: str, live: Sequence[ConnectionInfo]) -> str:
    """What the notebook at a path is called, or will be when it is started."""
    from ..ipc.names import RememberedNames, candidate_names

    for info in live:
        if info.path == path:
            return info.name
    owners = {
        name: RememberedNames().owner(name)
        for name, _ in zip(candidate_names(PurePath(path).stem, "", path), range(2), strict=False)
    }
    own = [name for name, owner in owners.items() if owner == path]
    return next(iter([*own, *(name for name, owner in owners.items() if owner is None)]))


def _root_of(path: str, runtime_dir: Path) -> str | None:
    """The root directory of a running Jupyter Server that has a file: the one nearest to it."""
    from .._util.private_files import read_private

    roots = []
    for file in runtime_dir.glob("jpserver-*.json"):
        with suppress(OSError, ValueError, RecursionError, AttributeError, TypeError):
            root = os.path.realpath(json.loads(read_private(file, MAX_SERVER_FILE_BYTES))["root_dir"])
            if PurePath(path).is_relative_to(root):
                roots.append(root)
    return max(roots, key=len, default=None)
