# SPDX-License-Identifier: BSD-3-Clause
"""The magics' work from Python: `from mcp_jupyter import notebook`, then `@notebook.tool()`.

Every function here acts on the notebook it is called in, and loads the extension when need be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from IPython.core.getipython import get_ipython

from .cards import Card
from .engine import Engine
from .extension import engine_of, load_ipython_extension
from .status import status_card

__all__ = ["completion", "prompt", "remove", "resource", "serve", "status", "tool", "updated", "variable"]

F = TypeVar("F", bound=Callable[..., Any])


def _engine() -> Engine:
    shell = get_ipython()
    if shell is None:
        raise RuntimeError("mcp_jupyter.notebook works inside a notebook; in a script use FastMCP.")
    engine = engine_of(shell)
    if engine is None:
        load_ipython_extension(shell)
        engine = engine_of(shell)
        assert engine is not None
    return engine


def tool(name: str | None = None, **options: Any) -> Callable[[F], F]:
    """Serve a function as a tool; options as in `FastMCP.tool`."""
    return _engine().server.tool(name, **options)


def resource(uri: str, **options: Any) -> Callable[[F], F]:
    """Serve a function as a resource; options as in `FastMCP.resource`."""
    return _engine().server.resource(uri, **options)


def prompt(name: str | None = None, **options: Any) -> Callable[[F], F]:
    """Serve a function as a prompt; options as in `FastMCP.prompt`."""
    return _engine().server.prompt(name, **options)


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


def serve(name: str | None = None) -> Card:
    """Serve this notebook, if need be under another name."""
    engine = _engine()
    if name is not None:
        engine.rename(name)
    return status()


def status() -> Card:
    """What this notebook serves."""
    engine = _engine()
    return status_card(engine.name, engine.server)
