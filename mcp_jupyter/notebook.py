# SPDX-License-Identifier: BSD-3-Clause
"""The magics' work from Python: `from mcp_jupyter import notebook`, then `@notebook.tool()`.

Every function here acts on the notebook it is called in, and loads the extension when need be.
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
    "status",
    "tool",
    "updated",
    "variable",
]

F = TypeVar("F", bound=Callable[..., Any])


def _loaded() -> InteractiveShell:
    """The shell, with the extension loaded."""
    shell = get_ipython()
    if shell is None:
        raise RuntimeError("mcp_jupyter.notebook works inside a notebook. In a script, use FastMCP.")
    if connections_of(shell) is None:
        assert shell.extension_manager is not None
        shell.extension_manager.load_extension("mcp_jupyter")  # so that %unload_ext knows of it
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
    """Have a function complete arguments, as `FastMCP.completion`."""
    return _engine().server.completion()


def variable(
    variable: str, *, name: str | None = None, description: str | None = None, watch: bool = False
) -> None:
    """Serve a variable of the notebook, by its name, as a resource; see `%mcp_resource --help`.

    Raises
    ------
    NameError
        When there is no such variable.
    """
    engine, shell = _engine(), get_ipython()
    assert shell is not None
    if variable not in shell.user_ns:
        raise NameError(f"There is no variable {variable!r}.", name=variable)
    engine.variables.serve(variable, name=name, description=description, watch=watch)


def updated(variable: str) -> None:
    """Tell subscribed clients that a variable has a new value."""
    _engine().variables.updated(variable)


def remove(name: str) -> list[str]:
    """Stop serving what has that name or URI; returns the kinds that were removed."""
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
    """Connect a server, as `%mcp_connect` does; the name is used in messages and recordings.

    Parameters
    ----------
    target
        As for `mcp_jupyter.Client`, with its further arguments as options; None is for a replay.
    mode : {"off", "record", "replay"}, optional
        By default what MCP_JUPYTER_CASSETTES says.
    cassette : Path, optional
        By default beside the notebook.
    sampling : function, optional
        Answers the server's sampling requests.
    roots : sequence of Path
        Folders the server may know of.

    Raises
    ------
    McpJupyterError, OSError, ValueError
        It cannot be connected.
    """
    from .client.cassettes import cassette_path, mode_from_environment
    from .notebook_client.connections import Recording, Wanted

    shell = _loaded()
    path = identify(shell.user_ns).path
    recording = Recording(
        mode_from_environment() if mode is None else mode,
        cassette or (None if path is None else cassette_path(Path(path))),
    )
    connections = connections_of(shell)
    assert connections is not None
    wanted = Wanted(target, options, sampling=sampling, roots=roots, recording=recording)
    return connections.connect(name, wanted)


def answer(number: int, content: Mapping[str, Any] | str | None = None) -> None:
    """Answer a question that a tool asks under the last cell, where no form appears.

    Parameters
    ----------
    number : int
        As the question says.
    content : mapping or str, optional
        The values of a form, or the text that is asked for.

    Raises
    ------
    ValueError
        There is no such question, or the content does not fit; the message says why.
    """
    _engine().questions.answer(number, content)


def decline(number: int) -> None:
    """Decline a question that a tool asks under the last cell.

    Raises
    ------
    ValueError
        There is no such question.
    """
    _engine().questions.decline(number)


class _Notebook(ModuleType):
    """The type of this module: it gives the module a property."""

    @property
    def instructions(self) -> str:
        """What assistants are told about the notebook. Set a text to replace it, None to have it back."""
        return _engine().instructions(INSTRUCTIONS_CHARS)

    @instructions.setter
    def instructions(self, text: str | None) -> None:
        if not isinstance(text, str | None):
            raise TypeError(f"Instructions are a text or None, not {type(text).__name__}.")
        _engine().instructions.own = (text or "").strip() or None


sys.modules[__name__].__class__ = _Notebook


def serve(name: str | None = None) -> Card:
    """Serve this notebook, if need be under another name."""
    engine = _engine()
    if name is not None:
        engine.rename(name)
    return status()


def status() -> Card:
    """What this notebook serves."""
    engine = _engine()
    return status_card(engine.name, engine.name_note, engine.server)
