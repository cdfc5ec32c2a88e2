# SPDX-License-Identifier: BSD-3-Clause
"""Remember which server definitions of projects the user has agreed to start or to connect to.

A project's file may change with the next pull, so the user agrees to a definition, not to a file or a name.
A definition is the entry as written, with its variables not filled in, and its folder. When it changes, the
user is asked again. What the command does is not covered: a script of the project may change, and so may its
`envFile`. The callers of this module ask the user.
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
from ...protocol.limits import MAX_PRIVATE_FILE_BYTES
from .env import variables_in
from .servers_json import ServerEntry

__all__ = ["Consent", "ConsentNeeded", "default_path", "require_consent"]

MAX_CONSENTS: Final = 1000
"""Consents in the file. Beyond that the oldest are dropped, and the user is asked about them again."""

_WHAT_RUNS: Final = ("type", "command", "args", "env", "envFile", "cwd", "url", "headers")
"""The members of an entry that this package uses."""


class _Consents(BaseModel):
    """Contents of the file: the digests, oldest first."""

    version: Literal[1]
    digests: list[Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]]


def default_path() -> Path:
    """Return the file that holds this user's consents."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp_jupyter" / "consents.json"


@dataclass(frozen=True, slots=True)
class Consent:
    """The user's consent to one definition, given or not.

    Attributes
    ----------
    digest : str
        SHA-256 of the definition.
    summary : str
        The command or the URL, with all its values as in the file, on one line, to be shown to the user.
    variables : str
        Which variables of the user's environment would be sent where, on one line; may be empty.
    path : Path
        The file of consents.
    """

    digest: str
    summary: str
    variables: str
    path: Path

    @classmethod
    def of(cls, entry: ServerEntry, path: Path | None = None) -> Consent:
        """Return the consent that an entry needs.

        Parameters
        ----------
        entry : ServerEntry
            The entry, with its variables not filled in.
        path : Path, optional
            The file of consents; `default_path` when None.
        """
        written = {member: entry.members[member] for member in _WHAT_RUNS if member in entry.members}
        definition = {"kind": entry.type, "root": os.fspath(entry.root), "entry": written}
        canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))  # ASCII only
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return cls(digest, _summary(entry), _variables(entry), path or default_path())

    def is_known(self) -> bool:
        """Whether the user has agreed to this definition before.

        Raises
        ------
        ConfigError
            The file of consents cannot be trusted.
        """
        return self.digest in self._known()

    def remember(self) -> None:
        """Remember that the user agrees to this definition.

        Raises
        ------
        ConfigError
            The file of consents cannot be trusted or written.
        """
        with self._file.locked():
            before = self._known()
            if self.digest not in before:
                digests = [*before, self.digest][-MAX_CONSENTS:]
                self._file.write(_Consents(version=1, digests=digests))

    @property
    def _file(self) -> PrivateJsonFile[_Consents]:
        remedy = "Remove it: you will be asked anew."
        return PrivateJsonFile(self.path, _Consents, MAX_PRIVATE_FILE_BYTES, ConfigError, remedy)

    def _known(self) -> list[str]:
        content = self._file.read()
        return [] if content is None else content.digests


class ConsentNeeded(ConfigError):
    """The user has not agreed to a project's entry yet. The message describes it and is safe to show."""


def require_consent(entry: ServerEntry, *, is_trusted: bool) -> None:
    """Refuse an entry that came with a project and that the user has not agreed to.

    Without this rule, cloning a repository and using its servers would run whatever command it has.

    Parameters
    ----------
    entry : ServerEntry
        The entry, with its variables not filled in.
    is_trusted : bool
        Whether the user agrees to it now (`--trust`); this is remembered.

    Raises
    ------
    ConsentNeeded
        The user has not agreed to the entry in its present form.
    ConfigError
        The file of consents cannot be used.
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
    """Return the user's variables that the entry refers to, each with its destination."""
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
    """Return a word of a command or a value, in quotes where it would be unclear where it ends."""
    is_plain = word and word.isprintable() and not any(char in " \"'," for char in word)
    return word if is_plain else json.dumps(word)
