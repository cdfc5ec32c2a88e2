# SPDX-License-Identifier: BSD-3-Clause
"""Fill in the variables of a file of servers, such as ``${NAME}``.

The forms are ``${NAME}`` and ``${NAME:-default}`` as in Claude Code, ``${env:NAME}`` as in Cursor and
VS Code, and those predefined variables of editors that have a meaning without one. A bare ``$NAME`` is plain
text, and a value that was filled in is not expanded again.

Hosts treat a variable that is not set differently: some send the reference as it is, some an empty string.
Either would reach a server as a wrong credential, so here it is an error with the variable's name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..._util.text import safe_line
from ...errors import ConfigError

__all__ = ["Expansion", "variables_in"]

_REFERENCE: Final = re.compile(r"\$\{([^{}]*)\}")
_PREDEFINED: Final = ("workspaceFolder", "workspaceFolderBasename", "userHome", "pathSeparator", "/")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_()]*")


def variables_in(text: str) -> list[str]:
    """Return the variables of the user's environment that a text refers to, in order."""
    found = []
    for reference in _REFERENCE.findall(text):
        name = reference.removeprefix("env:").partition(":-")[0]
        if reference not in _PREDEFINED and _NAME.fullmatch(name):
            found.append(name)
    return found


@dataclass(frozen=True, slots=True)
class Expansion:
    """Fills in the variables of one entry.

    Parameters
    ----------
    place : str
        The entry, for messages.
    root : path
        The value of ``${workspaceFolder}``.
    environ : mapping
        The environment variables.
    """

    place: str
    root: Path
    environ: Mapping[str, str]

    def text(self, member: str, text: str) -> str:
        """Return a text with its variables filled in.

        Parameters
        ----------
        member : str
            The member of the entry, for messages.
        text : str
            The text of the file.

        Raises
        ------
        ConfigError
            A variable is not set, or the reference has another form.
        """
        return _REFERENCE.sub(lambda match: self._value(member, match[1]), text)

    def texts(self, member: str, table: Mapping[str, str]) -> dict[str, str]:
        """Return a table with the variables in its values filled in; raises as `text` does."""
        return {name: self.text(f"{member}.{safe_line(name)}", text) for name, text in table.items()}

    def _value(self, member: str, reference: str) -> str:
        fixed = {
            "workspaceFolder": os.fspath(self.root),
            "workspaceFolderBasename": self.root.name,
            "userHome": os.fspath(Path.home()),
            "pathSeparator": os.sep,
            "/": os.sep,
        }
        if reference in fixed:
            return fixed[reference]
        name, _, default = reference.removeprefix("env:").partition(":-")
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{self.place}: {member} {self._unknown(reference)}")
        value = self.environ.get(name)
        if value is None or (value == "" and ":-" in reference):
            if ":-" in reference:
                return default
            raise ConfigError(
                f"{self.place}: {member} needs the environment variable {name}, which is not set. Set it, or "
                f"write ${{{name}:-default}}."
            )
        return value

    @staticmethod
    def _unknown(reference: str) -> str:
        shown = safe_line(reference)
        if reference.startswith("input:"):
            return (
                f"has ${{{shown}}}, for which VS Code asks the user. That is not supported here: put the "
                "value into an environment variable and write ${env:NAME}."
            )
        return f"has ${{{shown}}}, which means nothing here; ${{NAME}} and ${{NAME:-default}} do."
