# SPDX-License-Identifier: BSD-3-Clause
"""Load the server in a Python file, `server.py` or `server.py:obj`, and build the commands that start one.

`run` serves what is loaded here; `install` writes the commands into a host's configuration.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final

import click

from .._util.names import library_of
from ..errors import McpJupyterError
from . import reported

if TYPE_CHECKING:
    from ..server.fastmcp import FastMCP
    from ..server.lowlevel import Server

__all__ = [
    "FileFailed",
    "ModuleMissing",
    "ServerFile",
    "ServerFileError",
    "ServerFileInfo",
    "attach_command",
    "jupyter_directories",
    "load_info",
    "names_file",
    "run_command",
    "shared_command",
]


NAMES: Final = ("mcp", "server", "app")
"""Usual names of a server, in the order in which they are tried."""

_FILE: Final = re.compile(r".*(\.py(:\w+)?|\.ipynb)|.*[/\\].*", re.DOTALL)

_OBJECT: Final = re.compile(r"(?P<path>.+\.(?:py|ipynb)):(?P<name>[^\W\d]\w*)", re.DOTALL)


def names_file(text: str) -> bool:
    """Whether a text means a file rather than a live notebook, by its form only."""
    return _FILE.fullmatch(text) is not None


class ServerFileError(McpJupyterError):
    """A file has no usable server; the message says why and what to do."""


class FileFailed(ServerFileError):
    """The code of the file raised an exception.

    Parameters
    ----------
    message : str
        One line, with the line number in the file.
    account : str
        The traceback, without the frames of this package.
    """

    def __init__(self, message: str, account: str) -> None:
        super().__init__(message)
        self.account = account


class ModuleMissing(FileFailed):
    """The code of the file imports a module that is not installed here."""


@dataclass(frozen=True, slots=True)
class ServerFile:
    """The file and the object name of a server.

    Attributes
    ----------
    path : Path
        The absolute path of the file.
    name : str or None
        The name of the object in it, where it was given.
    """

    path: Path
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> ServerFile:
        """Parse `FILE` or `FILE:OBJECT`.

        Raises
        ------
        ServerFileError
            There is no such file, or it is not a Python file.
        """
        found = None if Path(text).exists() else _OBJECT.fullmatch(text)
        path = Path(found["path"] if found else text)
        if path.suffix == ".ipynb":
            raise ServerFileError(
                f"{path.name} is a notebook, which has no object to serve: `jupyter mcp run {path.name}` "
                "serves what its cells offer."
            )
        if not path.exists():
            raise ServerFileError(f"File not found: {path}.")
        if path.suffix != ".py" or not path.is_file():
            raise ServerFileError(f"{path} is not a Python file: give it as server.py, or server.py:obj.")
        return cls(Path(os.path.abspath(path)), found["name"] if found else None)

    def __str__(self) -> str:
        return str(self.path) if self.name is None else f"{self.path}:{self.name}"

    def load(self) -> FastMCP | Server[Any]:
        """Run the file as a module, not as the main program, and find the server in it.

        Raises
        ------
        FileFailed
            The file raised an exception.
        ServerFileError
            The file has no server, or several.
        """
        return self._find(vars(self._module()))

    # -- loading ---------------------------------------------------------------------------------

    def _module(self) -> ModuleType:
        name = self._module_name()
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(self.path.parent))  # as for `python server.py`: it may import from its folder
        try:
            spec.loader.exec_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # noqa: BLE001 - the file may raise anything, `sys.exit()` too
            raise self._failure(exc) from None
        return module

    def _module_name(self) -> str:
        """Return the file's own name, by which pickle finds its classes, unless it is taken."""
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
            wrong = f"{self.name} in {self.path} is of the type {kind.__qualname__}, not an MCP server."
            advice = _advice({self.name: names[self.name]})
        else:
            wrong, advice = f"Unknown name {self.name!r} in {self.path}.", _advice(names)
        raise ServerFileError(f"{wrong} {f'Known servers: {self._choices(servers)}' if servers else advice}")

    def _choices(self, servers: dict[str, Any]) -> str:
        return ", ".join(f"{self.path.name}:{name}" for name in servers)


def _line(exc: BaseException, trace: TracebackType | None, path: Path) -> int | None:
    """Return the line of the error in the file; for a file with a syntax error, the traceback has none."""
    if trace is not None:
        return trace.tb_lineno
    return exc.lineno if isinstance(exc, SyntaxError) and exc.filename == str(path) else None


def _advice(names: dict[str, Any]) -> str:
    """Return advice for a file without a server of this package."""
    for name, value in names.items():
        home = library_of(type(value))
        if home in ("mcp", "fastmcp") and type(value).__name__ in ("FastMCP", "MCPServer", "Server"):
            return (
                f"{name} is one of the package {home}: "
                "import it from mcp_jupyter instead (from mcp_jupyter.server.fastmcp import FastMCP)."
            )
    return 'It needs, at the top level: mcp = FastMCP("My server")'


# -- launch --------------------------------------------------------------------------------------
#
# Command lines that start a server file from any folder with this Python, independent of PATH. With further
# packages, `uv run --with` provides them.

PROGRAM: Final = "jupyter-mcp"

_MODULE: Final = ("-P", "-m", "mcp_jupyter.cli")
"""Arguments of Python. -P keeps the current folder off the path, because a host starts us in a project, which
may have a `click.py` of its own."""

_DIRECTORIES: Final = (
    *("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "XDG_DATA_HOME"),
    *("JUPYTER_PATH", "JUPYTER_CONFIG_PATH"),
)
"""Variables with the paths of Jupyter's directories. Hosts such as Codex do not pass them on."""

_SETTINGS: Final = ("JUPYTER_PLATFORM_DIRS",)
"""Other variables on which these directories depend."""

_NO_UV: Final = (
    "uv brings packages along, and it was not found. Install it with `pip install uv` "
    "(more ways: https://docs.astral.sh/uv/), or install the packages here and leave --with out."
)


@dataclass(frozen=True, slots=True)
class ServerFileInfo:
    """The name and the packages of a server file.

    Attributes
    ----------
    name : str or None
        The server's name; None when the file could not be loaded here.
    packages : tuple of str
        Packages to start it with, in addition to this environment.
    """

    name: str | None
    packages: tuple[str, ...]


def load_info(
    where: ServerFile, packages: Sequence[str] = (), editables: Sequence[Path] = ()
) -> ServerFileInfo:
    """Load a file, to check that it has a server and to learn which packages the server needs.

    If packages are given, a missing module is not an error: it may be in one of them. The server's own
    `dependencies` are added to the packages if uv is installed; otherwise this environment must have them.

    Parameters
    ----------
    where : ServerFile
        The file.
    packages, editables
        Packages, and folders of projects, that uv provides.

    Raises
    ------
    click.ClickException
        The file has no server, or raised an exception.
    """
    with reported(), redirect_stdout(sys.stderr):
        try:
            server = where.load()
        except ModuleMissing as exc:
            if not packages and not editables:
                raise
            click.echo(f"Not tried out, as it needs what is not installed here: {exc}", err=True)
            return ServerFileInfo(None, tuple(packages))
    own = [package for package in getattr(server, "dependencies", ()) if package not in packages]
    if own and not packages and not editables and _uv() is None:
        click.echo(f"As uv was not found, it starts without bringing along {', '.join(own)}.", err=True)
        own = []
    return ServerFileInfo(server.name, (*packages, *own))


def run_command(
    where: ServerFile | Path,
    packages: Sequence[str] = (),
    editables: Sequence[Path] = (),
    options: Sequence[str] = (),
) -> list[str]:
    """Return the command line that serves a file or a notebook on stdio.

    Parameters
    ----------
    where : ServerFile or Path
        The server file, or the notebook.
    packages, editables
        Packages, and folders of projects, that uv adds to this environment in a temporary layer.
    options : sequence of str
        Options of `jupyter mcp run`.

    Raises
    ------
    click.ClickException
        The program uv is not installed, or a name is not a valid package name.
    """
    serve = ["run", str(where), *options]
    if not packages and not editables:
        return [*_program(), *serve]
    uv = _uv()
    if uv is None:
        raise click.ClickException(_NO_UV)
    brought: list[str] = []
    for package in packages:
        if not package.strip() or package.startswith("-") or not package.isprintable():
            raise click.ClickException(f"{package!r} is not a valid package requirement, such as 'pandas'.")
        brought += ["--with", package]
    for folder in editables:
        brought += ["--with-editable", os.path.abspath(folder)]
    return [uv, "run", "--no-project", "--python", sys.executable, *brought, "--", "python", *_MODULE, *serve]


def attach_command(name: str) -> list[str]:
    """Return the command line that connects stdio to a live notebook."""
    return [*_program(), "attach", name]


def shared_command(command: Sequence[str]) -> list[str]:
    """Return a command line for a configuration file that a project's users share.

    Our program is looked up on PATH, and paths below this folder become relative.
    """
    here = Path.cwd()
    words = [os.path.relpath(word, here) if Path(word).is_relative_to(here) else word for word in command[1:]]
    return [PROGRAM if Path(command[0]).stem == PROGRAM else command[0], *words]


def jupyter_directories() -> dict[str, str]:
    """Return the variables of this environment that set Jupyter's directories, with absolute paths."""
    found = {name: os.environ[name] for name in (*_DIRECTORIES, *_SETTINGS) if os.environ.get(name)}
    for name in _DIRECTORIES:
        if name in found:
            found[name] = os.pathsep.join(map(os.path.abspath, found[name].split(os.pathsep)))
    return found


def _program() -> list[str]:
    """Return our program's absolute path, because desktop applications have another PATH; else our module."""
    scripts = (
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
    )
    found = next(filter(None, (shutil.which(PROGRAM, path=folder) for folder in scripts)), None)
    return [os.path.abspath(found)] if found else [sys.executable, *_MODULE]


def _uv() -> str | None:
    """Return the absolute path of uv, because desktop applications have another PATH."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    return None if found is None else os.path.abspath(found)
