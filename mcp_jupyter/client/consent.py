# SPDX-License-Identifier: BSD-3-Clause
"""What a person has agreed to start or to visit: server definitions that came with a project.

Owns what counts as the same definition, how it is shown, and the file that remembers it. Asks nobody.

A project's file changes with the next pull, so what is agreed to is not the file and not the name but all
that decides what is run or where it leads: the entry as it is written, variables not filled in, and the
folder it means. When that changes, the person is asked again. (What a command does is not part of it: a
script that the project brings along may change, as may its `envFile`.)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json, to_json

from ..errors import ConfigError
from ..private_files import make_private_directory, read_private, write_private
from .config import ServerEntry
from .streams import printable

__all__ = ["Consent", "default_path"]

MAX_CONSENTS: Final = 1000
"""Kept; the oldest go first. A person who has agreed to more is asked once more."""

MAX_FILE_BYTES: Final = 256 * 1024
"""That many digests, with room to spare."""

MAX_SHOWN_CHARS: Final = 2000
"""Of a definition: nobody reads more, and what is cut is said to be."""

_WHAT_RUNS: Final = ("type", "command", "args", "env", "envFile", "cwd", "url", "headers")
"""The members of an entry that mean something to us."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def default_path() -> Path:
    """Where this user's consents are remembered."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp_jupyter" / "consents.json"


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's consent to one definition, given or not.

    Attributes
    ----------
    digest : str
        SHA-256 of the definition.
    summary : str
        What would be run or visited, on one line, for the person: without the values of variables.
    path : Path
        The file that remembers.
    """

    digest: str
    summary: str
    path: Path

    @classmethod
    def of(cls, entry: ServerEntry, path: Path | None = None) -> Consent:
        """What there is to agree to.

        Parameters
        ----------
        entry : ServerEntry
            As the file has it.
        path : Path, optional
            `default_path` when None.
        """
        written = {member: entry.members[member] for member in _WHAT_RUNS if member in entry.members}
        definition = {"kind": entry.type, "root": os.fspath(entry.root), "entry": written}
        canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))  # ASCII, whatever is in it
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return cls(digest, _summary(entry), path or default_path())

    def is_known(self) -> bool:
        """Whether it was given before.

        Raises
        ------
        ConfigError
            The file that remembers cannot be trusted.
        """
        return self.digest in _load(self.path)

    def remember(self) -> None:
        """Remember that it is given.

        Raises
        ------
        ConfigError
            The file that remembers cannot be trusted or written.
        """
        before = _load(self.path)
        if self.digest not in before:
            _replace(self.path, [*before, self.digest][-MAX_CONSENTS:])


def _summary(entry: ServerEntry) -> str:
    members = entry.members
    if entry.type == "stdio":
        words = [str(members["command"]), *map(str, members.get("args", ()))]
        parts = [" ".join(json.dumps(word) if _needs_quotes(word) else word for word in words)]
        parts += [f"in {members['cwd']}"] if "cwd" in members else []
        parts += [f"with the variables of {members['envFile']}"] if "envFile" in members else []
        parts += [f"with {', '.join(map(str, members['env']))} set"] if members.get("env") else []
    else:
        parts = [str(members["url"])]
        parts += [f"with {', '.join(map(str, members['headers']))} sent"] if members.get("headers") else []
    text = ", ".join(parts)
    cut = len(text) - MAX_SHOWN_CHARS
    more = f" (and {cut} characters more: read the file)" if cut > 0 else ""
    return printable(text[:MAX_SHOWN_CHARS], MAX_SHOWN_CHARS) + more


def _needs_quotes(word: str) -> bool:
    return not word or not word.isprintable() or any(char in " \"'," for char in word)


# -- the file --------------------------------------------------------------------------------------


def _load(path: Path) -> list[str]:
    """The digests, oldest first; none when there is no file.

    Raises
    ------
    ConfigError
        Somebody else can have written it, or it is not ours.
    """
    try:
        data = read_private(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise ConfigError(
            f"{path} is not used ({exc.strerror}). Remove it: you will be asked anew."
        ) from None
    try:
        content: Any = from_json(data)
    except ValueError:
        content = None
    digests = content.get("digests") if isinstance(content, dict) and content.get("version") == 1 else None
    if not isinstance(digests, list) or not all(_is_digest(each) for each in digests):
        raise ConfigError(f"{path} is damaged. Remove it: you will be asked anew.")
    return digests


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _replace(path: Path, digests: list[str]) -> None:
    try:
        make_private_directory(path.parent)
        write_private(path, to_json({"version": 1, "digests": digests}))
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}.") from None
