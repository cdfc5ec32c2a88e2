# SPDX-License-Identifier: BSD-3-Clause
"""Variables in a file of servers: ``${NAME}`` and its kin.

``${NAME}`` and ``${NAME:-default}`` as in Claude Code, ``${env:NAME}`` as in Cursor and VS Code, and of
their predefined variables those that mean something without an editor. A bare ``$NAME`` is text, and what
is filled in is not looked at again. Knows no file and no server.

Hosts differ on a variable that is not set: some send the unfilled text, some an empty one. Either would end
as a wrong credential at a server, so here it is an error that names the variable.
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
    """The variables of the user's environment that a text refers to, in order."""
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
        What ``${workspaceFolder}`` means.
    environ : mapping
        Where variables are looked up.
    """

    place: str
    root: Path
    environ: Mapping[str, str]

    def text(self, member: str, text: str) -> str:
        """One text, filled in.

        Raises
        ------
        ConfigError
            A variable is not set, or not known here.
        """
        return _REFERENCE.sub(lambda match: self._value(member, match[1]), text)

    def texts(self, member: str, table: Mapping[str, str]) -> dict[str, str]:
        """The values of a table, filled in."""
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
                f"has ${{{shown}}}, for which VS Code asks the person. Here nobody is asked: put the value "
                "into an environment variable and write ${env:NAME}."
            )
        return f"has ${{{shown}}}, which means nothing here; ${{NAME}} and ${{NAME:-default}} do."
