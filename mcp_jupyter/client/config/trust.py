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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from ..._util.private_files import PrivateJsonFile
from ..._util.text import MAX_PAGE_CHARS, safe_line
from ...errors import ConfigError
from .env import variables_in
from .servers_json import ServerEntry

__all__ = ["Consent", "ConsentNeeded", "default_path", "require_consent"]

MAX_CONSENTS: Final = 1000
"""Kept; the oldest go first. A person who has agreed to more is asked once more."""

MAX_FILE_BYTES: Final = 256 * 1024
"""That many digests, with room to spare."""

_WHAT_RUNS: Final = ("type", "command", "args", "env", "envFile", "cwd", "url", "headers")
"""The members of an entry that mean something to us."""


class _Consents(BaseModel):
    """What the file holds: the digests, oldest first."""

    version: Literal[1]
    digests: list[Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]]


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
        What would be run or visited, on one line, for the user: as the file has it, with all values.
    variables : str
        Which variables of the user's environment would be sent where, on one line; empty when none.
    path : Path
        The file that remembers.
    """

    digest: str
    summary: str
    variables: str
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
        return cls(digest, _summary(entry), _variables(entry), path or default_path())

    def is_known(self) -> bool:
        """Whether it was given before.

        Raises
        ------
        ConfigError
            The file that remembers cannot be trusted.
        """
        return self.digest in self._known()

    def remember(self) -> None:
        """Remember that it is given.

        Raises
        ------
        ConfigError
            The file that remembers cannot be trusted or written.
        """
        with self._file.locked():
            before = self._known()
            if self.digest not in before:
                digests = [*before, self.digest][-MAX_CONSENTS:]
                self._file.write(_Consents(version=1, digests=digests))

    @property
    def _file(self) -> PrivateJsonFile[_Consents]:
        remedy = "Remove it: you will be asked anew."
        return PrivateJsonFile(self.path, _Consents, MAX_FILE_BYTES, ConfigError, remedy)

    def _known(self) -> list[str]:
        content = self._file.read()
        return [] if content is None else content.digests


class ConsentNeeded(ConfigError):
    """A project's entry was not agreed to yet. The message shows it; it is fit to be shown whole."""


def require_consent(entry: ServerEntry, *, is_trusted: bool) -> None:
    """Refuse an entry that came with a project and that the user has not agreed to (SECURITY, T32).

    Parameters
    ----------
    is_trusted : bool
        Whether the user agrees to it now (`--trust`); this is remembered.

    Raises
    ------
    ConsentNeeded
        The user has not agreed to what the entry says now.
    ConfigError
        The file that remembers cannot be used.
    """
    if not entry.is_project:
        return
    consent = Consent.of(entry)
    if is_trusted:
        consent.remember()
    elif not consent.is_known():
        does = "start" if entry.type == "stdio" else "connect to"
        sent = f" It is given variables of yours: {consent.variables}." if consent.variables else ""
        raise ConsentNeeded(
            f"{entry.place} came with a project, and would {does}: {consent.summary}.{sent} "
            "If that is what you want, add --trust. You are asked again when the entry changes."
        )


def _summary(entry: ServerEntry) -> str:
    members = entry.members
    if entry.type == "stdio":
        parts = [" ".join(map(_quoted, [members["command"], *members.get("args", ())]))]
        parts += [f"in {_quoted(members['cwd'])}"] if "cwd" in members else []
        parts += [f"with the variables of {_quoted(members['envFile'])}"] if "envFile" in members else []
        parts += [f"with {_pairs(members['env'], '=')} set"] if members.get("env") else []
    else:
        parts = [_quoted(members["url"])]
        parts += [f"with {_pairs(members['headers'], ': ')} sent"] if members.get("headers") else []
    return _cut(", ".join(parts))


def _variables(entry: ServerEntry) -> str:
    """Each variable of the user's that the entry refers to, with its destination."""
    members = entry.members
    if entry.type == "stdio":
        places = [("the command", members["command"]), ("the folder", members.get("cwd", ""))]
        places += [("the name of the envFile", members.get("envFile", ""))]
        places += [(f"argument {number}", word) for number, word in enumerate(members.get("args", ()), 1)]
        places += [(f"the variable {_quoted(name)}", text) for name, text in members.get("env", {}).items()]
    else:
        places = [("the URL", members["url"])]
        places += [(f"the header {_quoted(name)}", text) for name, text in members.get("headers", {}).items()]
    return _cut(", ".join(f"{name} in {place}" for place, text in places for name in variables_in(text)))


def _pairs(table: Mapping[str, str], between: str) -> str:
    return ", ".join(f"{_quoted(name)}{between}{_quoted(value)}" for name, value in table.items())


def _cut(text: str) -> str:
    cut = len(text) - MAX_PAGE_CHARS
    more = f" (and {cut} characters more: read the file)" if cut > 0 else ""
    return safe_line(text[:MAX_PAGE_CHARS], MAX_PAGE_CHARS) + more


def _quoted(word: str) -> str:
    """A word of a command, or a value: in quotes where its end would not be seen."""
    is_plain = word and word.isprintable() and not any(char in " \"'," for char in word)
    return word if is_plain else json.dumps(word)
