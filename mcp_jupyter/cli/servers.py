# SPDX-License-Identifier: BSD-3-Clause
"""The server in a Python file: `server.py`, or `server.py:obj` where there are several.

Owns how the file is loaded, which object in it is the server, and what is said when that fails. Knows
nothing of how the server is then served.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final

from .._util.class_names import library_of
from ..errors import McpJupyterError

if TYPE_CHECKING:
    from ..server.fastmcp import FastMCP
    from ..server.lowlevel import Server

__all__ = ["FileFailed", "ModuleMissing", "ServerFile", "ServerFileError", "names_file"]

NAMES: Final = ("mcp", "server", "app")
"""What a server is usually called; looked for in this order."""

_FILE: Final = re.compile(r".*(\.py(:\w+)?|\.ipynb)|.*[/\\].*", re.DOTALL)

_OBJECT: Final = re.compile(r"(?P<path>.+\.(?:py|ipynb)):(?P<name>[^\W\d]\w*)", re.DOTALL)


def names_file(text: str) -> bool:
    """Whether a text means a file rather than a live notebook, whatever there is in this folder."""
    return _FILE.fullmatch(text) is not None


class ServerFileError(McpJupyterError):
    """A file has no server that can be used; the message says why and what to do."""


class FileFailed(ServerFileError):
    """The code of the file raised.

    Parameters
    ----------
    message : str
        One line, with the place in the file.
    account : str
        The traceback, from the file on: what is ours is left out.
    """

    def __init__(self, message: str, account: str) -> None:
        super().__init__(message)
        self.account = account


class ModuleMissing(FileFailed):
    """The code of the file imports what is not installed here."""


@dataclass(frozen=True, slots=True)
class ServerFile:
    """Where a server is.

    Attributes
    ----------
    path : Path
        Of the file, absolute.
    name : str or None
        Of the object in it, where it was given.
    """

    path: Path
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> ServerFile:
        """What `FILE` or `FILE:OBJECT` means.

        Raises
        ------
        ServerFileError
            There is no such file, or it is no Python file.
        """
        found = None if Path(text).exists() else _OBJECT.fullmatch(text)
        path = Path(found["path"] if found else text)
        if path.suffix == ".ipynb":
            raise ServerFileError(
                f"{path.name} is a notebook, which has no object to serve: `jupyter mcp run {path.name}` "
                "serves what its cells offer."
            )
        if not path.exists():
            raise ServerFileError(f"There is no file {path}.")
        if path.suffix != ".py" or not path.is_file():
            raise ServerFileError(f"{path} is no Python file: give it as server.py, or server.py:obj.")
        return cls(Path(os.path.abspath(path)), found["name"] if found else None)

    def __str__(self) -> str:
        return str(self.path) if self.name is None else f"{self.path}:{self.name}"

    def load(self) -> FastMCP | Server[Any]:
        """Run the file as a module, not as the main program, and find the server in it.

        Raises
        ------
        FileFailed
            The file raised.
        ServerFileError
            There is no server in it, or several.
        """
        return self._find(vars(self._module()))

    # -- loading ---------------------------------------------------------------------------------

    def _module(self) -> ModuleType:
        name = self._module_name()
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(self.path.parent))  # as for `python server.py`: it imports its neighbours
        try:
            spec.loader.exec_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # noqa: BLE001 - what the file does, `sys.exit()` too, is its own failure
            raise self._failure(exc) from None
        return module

    def _module_name(self) -> str:
        """The file's own, so that what it defines can be found again (pickle does); unless that is taken."""
        stem = self.path.stem
        taken = stem in sys.modules or stem in sys.stdlib_module_names or not stem.isidentifier()
        return f"mcp_file_{stem}" if taken else stem

    def _failure(self, exc: BaseException) -> FileFailed:
        trace = exc.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != str(self.path):
            trace = trace.tb_next
        line = _line(exc, trace, self.path)
        place = f"{self.path}, line {line}" if line else str(self.path)
        said = " ".join(str(exc).split())
        kind = ModuleMissing if isinstance(exc, ModuleNotFoundError) else FileFailed
        account = "".join(traceback.format_exception(type(exc), exc, trace))
        return kind(f"{place}: {type(exc).__name__}{': ' if said else ''}{said}", account)

    # -- finding ---------------------------------------------------------------------------------

    def _find(self, names: dict[str, Any]) -> FastMCP | Server[Any]:
        from ..server.fastmcp import FastMCP
        from ..server.lowlevel import Server

        def is_server(value: object) -> bool:
            return isinstance(value, (FastMCP, Server))

        servers = {name: value for name, value in names.items() if is_server(value)}
        if self.name is not None:
            return self._named(names, servers)
        for name in NAMES:
            if name in servers:
                return servers[name]  # type: ignore[no-any-return]
        if len({id(server) for server in servers.values()}) == 1:
            return next(iter(servers.values()))  # type: ignore[no-any-return]
        if servers:
            raise ServerFileError(f"{self.path} has several servers. Say which: {self._choices(servers)}")
        raise ServerFileError(f"{self.path} has no server. {_advice(names)}")

    def _named(self, names: dict[str, Any], servers: dict[str, Any]) -> FastMCP | Server[Any]:
        assert self.name is not None
        if self.name in servers:
            return servers[self.name]  # type: ignore[no-any-return]
        if self.name in names:
            kind = type(names[self.name])
            wrong = f"{self.name} in {self.path} is no server of mcp_jupyter but a {kind.__qualname__}."
            advice = _advice({self.name: names[self.name]})
        else:
            wrong, advice = f"There is no {self.name} in {self.path}.", _advice(names)
        raise ServerFileError(f"{wrong} {f'There is: {self._choices(servers)}' if servers else advice}")

    def _choices(self, servers: dict[str, Any]) -> str:
        return ", ".join(f"{self.path.name}:{name}" for name in servers)


def _line(exc: BaseException, trace: TracebackType | None, path: Path) -> int | None:
    """Where in the file it went wrong; a file that cannot be compiled was never entered."""
    if trace is not None:
        return trace.tb_lineno
    return exc.lineno if isinstance(exc, SyntaxError) and exc.filename == str(path) else None


def _advice(names: dict[str, Any]) -> str:
    """What to do about a file without a server of ours."""
    for name, value in names.items():
        home = library_of(type(value))
        if home in ("mcp", "fastmcp") and type(value).__name__ in ("FastMCP", "MCPServer", "Server"):
            return (
                f"{name} is one of the package {home}: "
                "import it from mcp_jupyter instead (from mcp_jupyter.server.fastmcp import FastMCP)."
            )
    return 'It needs, at the top level: mcp = FastMCP("My server")'
