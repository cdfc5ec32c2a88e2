# SPDX-License-Identifier: BSD-3-Clause
"""Do in Python what the magics do: `from mcp_jupyter import notebook`, then `@notebook.tool()`.

Every function acts on the notebook that calls it, and loads the extension if it is not loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.getipython import get_ipython

from ._ipython.cards import Card
from ._ipython.identity import identify
from .ipython_extension import connections_of, magics_of
from .kernel.answers import AnswerFormat
from .kernel.engine import Engine
from .kernel.magics import McpMagics
from .kernel.outline import INSTRUCTIONS_CHARS
from .kernel.status import status_card

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .client.cassettes import Mode
    from .client.config.targets import Target
    from .notebook_client.connected_server import ConnectedServer

__all__ = [
    "answer",
    "completion",
    "connect",
    "decline",
    "prompt",
    "remove",
    "resource",
    "serve",
    "show_answers",
    "status",
    "tool",
    "updated",
    "variable",
]

F = TypeVar("F", bound=Callable[..., Any])


def _loaded() -> InteractiveShell:
    """Return the shell, with the extension loaded."""
    shell = get_ipython()
    if shell is None:
        raise RuntimeError("mcp_jupyter.notebook works inside a notebook. In a script, use FastMCP.")
    if connections_of(shell) is None:
        assert shell.extension_manager is not None
        shell.extension_manager.load_extension("mcp_jupyter")  # through IPython, so that %unload_ext works
    return shell


def _magics() -> McpMagics:
    magics = magics_of(_loaded())
    assert magics is not None
    return magics


def _engine() -> Engine:
    return _magics().engine


def tool(name: str | None = None, **options: Any) -> Callable[[F], F]:
    """Serve a function as a tool; options as in `FastMCP.tool`."""
    return _magics().shown("tool", _engine().server.tool(name, **options))


def resource(uri: str, **options: Any) -> Callable[[F], F]:
    """Serve a function as a resource; options as in `FastMCP.resource`."""
    return _magics().shown("resource", _engine().server.resource(uri, **options))


def prompt(name: str | None = None, **options: Any) -> Callable[[F], F]:
    """Serve a function as a prompt; options as in `FastMCP.prompt`."""
    return _magics().shown("prompt", _engine().server.prompt(name, **options))


def completion() -> Callable[[F], F]:
    """Register a function that completes arguments; see `FastMCP.completion`."""
    return _engine().server.completion()


def variable(
    variable: str, *, name: str | None = None, description: str | None = None, watch: bool = False
) -> None:
    """Serve a variable of the notebook as a resource; see `%mcp_resource --help`.

    Parameters
    ----------
    variable : str
        The variable's name.
    name, description : str, optional
        Of the resource.
    watch : bool
        Whether to tell subscribed clients after a cell that changed the variable.

    Raises
    ------
    NameError
        There is no such variable.
    """
    engine, shell = _engine(), get_ipython()
    assert shell is not None
    if variable not in shell.user_ns:
        raise NameError(f"Unknown variable {variable!r}.", name=variable)
    engine.variables.serve(variable, name=name, description=description, watch=watch)


def updated(variable: str) -> None:
    """Tell subscribed clients that a variable has a new value."""
    _engine().variables.updated(variable)


def remove(name: str) -> list[str]:
    """Stop serving everything with that name or URI; return the kinds that were removed."""
    return _engine().remove(name)


def connect(
    name: str,
    target: Target | None = None,
    *,
    mode: Mode | None = None,
    cassette: Path | None = None,
    sampling: Callable[..., Any] | None = None,
    roots: Sequence[Path] = (),
    **options: Any,
) -> ConnectedServer:
    """Connect to a server, as `%mcp_connect` does.

    Parameters
    ----------
    name : str
        The server's name in messages and recordings.
    target
        As for `mcp_jupyter.Client`; None in a replay.
    mode : {"off", "record", "replay"}, optional
        By default the value of MCP_JUPYTER_CASSETTES.
    cassette : Path, optional
        By default a file beside the notebook.
    sampling : function, optional
        Answers the server's sampling requests.
    roots : sequence of Path
        Folders to list for the server.
    **options
        Further arguments of `mcp_jupyter.Client`.

    Raises
    ------
    McpJupyterError, OSError, ValueError
        The connection failed.
    """
    from .client.cassettes import cassette_path, mode_from_environment
    from .notebook_client.connections import ConnectOptions, Recording

    shell = _loaded()
    path = identify(shell.user_ns).path
    recording = Recording(
        mode_from_environment() if mode is None else mode,
        cassette or (None if path is None else cassette_path(Path(path))),
    )
    connections = connections_of(shell)
    assert connections is not None
    wanted = ConnectOptions(target, options, sampling=sampling, roots=roots, recording=recording)
    return connections.connect(name, wanted)


def answer(number: int, content: Mapping[str, Any] | str | None = None) -> None:
    """Answer a tool's question under the last cell, where the notebook shows no form.

    Parameters
    ----------
    number : int
        The question's number.
    content : mapping or str, optional
        The values of a form, or a text.

    Raises
    ------
    ValueError
        There is no such question, or the content does not fit; the message says why.
    """
    _engine().questions.answer(number, content)


def decline(number: int) -> None:
    """Decline a tool's question under the last cell.

    Raises
    ------
    ValueError
        There is no such question.
    """
    _engine().questions.decline(number)


class _Notebook(ModuleType):
    """The type of this module, which adds the property `instructions`."""

    @property
    def instructions(self) -> str:
        """Text about the notebook for assistants. Assign a text to replace it, None to restore it."""
        return _engine().instructions(INSTRUCTIONS_CHARS)

    @instructions.setter
    def instructions(self, text: str | None) -> None:
        if not isinstance(text, str | None):
            raise TypeError(f"Instructions are a text or None, not {type(text).__name__}.")
        _engine().instructions.own = (text or "").strip() or None


sys.modules[__name__].__class__ = _Notebook


def serve(name: str | None = None) -> Card:
    """Serve this notebook, under another name if one is given, and return a card."""
    engine = _engine()
    if name is not None:
        engine.rename(name)
    return status()


def show_answers(host: str = "") -> None:
    """Show the values of cells from now on as text, as assistants get the answers of calls.

    A cell that calls a tool's function shows what the assistant got of it, and a cell with the name of a
    served variable what a client reads. The notebooks of `jupyter mcp log --to-notebook` use it.

    Parameters
    ----------
    host : str
        The assistant's application, by the name that its client gives: "claude-code", "codex-mcp-client".
        What an answer may hold depends on it.
    """
    shell, magics, engine = _loaded(), _magics(), _engine()
    if magics.answers is not None:
        magics.answers.undo()
    magics.answers = AnswerFormat(shell, engine, host)


def status() -> Card:
    """Return a card that lists what this notebook serves."""
    return status_card(_engine())
