# SPDX-License-Identifier: BSD-3-Clause
"""Run a notebook and serve it, for `jupyter mcp run analysis.ipynb`.

This module reports the run to the user, and repeats it when the notebook's file changes. `headless` runs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._util.text import join_names

if TYPE_CHECKING:
    from anyio import CancelScope

    from ..headless.run import CellFailed, HeadlessNotebook
    from ..ipc.attached_notebook import AttachedNotebook
    from ..ipc.discovery import Discovery
    from ..ipc.files import ConnectionInfo
    from ..ipc.stdio_proxy import StartingNotebook
    from ..protocol.rights import Mode
    from ..server.host_profiles import HostProfile
    from ..server.opening import Opening
    from ..types import Tool

__all__ = ["NotebookOptions", "opening", "serve_notebook", "served_notebook"]

LOOK_SECONDS: Final = 1.0
"""Seconds between two checks of a watched notebook's file."""

FIRST_SECONDS: Final = 0.2
"""Seconds to wait for a host's first request, usually sent already, before the slow imports begin."""


@dataclass(frozen=True, slots=True)
class NotebookOptions:
    """How a notebook is run.

    Attributes
    ----------
    parameters : tuple of str
        The parameters, each as NAME=VALUE.
    kernel : str or None
        The kernel to use instead of the notebook's own.
    allow_errors : bool
        Serve the notebook even when a cell fails.
    watch : bool
        Run it again whenever its file changes.
    constant_tools : "yes", "no", "auto" or None
        Whether hosts get the constant tools; None: as the notebook says.
    allow : tuple of str
        Tools that run although they need a user's approval; "*" for all.
    """

    parameters: tuple[str, ...] = ()
    kernel: str | None = None
    allow_errors: bool = False
    watch: bool = False
    constant_tools: Mode | None = None
    allow: tuple[str, ...] = ()

    @property
    def given(self) -> list[str]:
        """The options that were used, as on the command line."""
        used = {
            "--parameter": self.parameters,
            "--kernel": self.kernel,
            "--allow-errors": self.allow_errors,
            "--watch": self.watch,
            "--constant-tools": self.constant_tools,
            "--allow": self.allow,
        }
        return [name for name, value in used.items() if value]


@asynccontextmanager
async def served_notebook(
    path: Path, options: NotebookOptions, say: Callable[[str], None]
) -> AsyncIterator[AttachedNotebook]:
    """Run a notebook, which can be served while the context is open.

    Parameters
    ----------
    path : Path
        The notebook.
    options : NotebookOptions
        How to run it.
    say : callable
        Shows a line to the user.

    Raises
    ------
    HeadlessError
        The file or its kernel cannot be used, or (`CellFailed`) a cell failed.
    ParameterError
        A parameter is malformed.
    """
    from ..ipc.attached_notebook import AttachedNotebook
    from ..ipc.discovery import Discovery

    discovery = Discovery()
    async with _run(path, options, discovery, say) as notebook:
        yield AttachedNotebook(notebook.info, discovery, constant_tools=options.constant_tools)


async def serve_notebook(path: Path, options: NotebookOptions, say: Callable[[str], None]) -> None:
    """Run a notebook and serve it on stdio at once, because hosts send requests long before its kernel is up.

    Parameters
    ----------
    path, options, say
        See `served_notebook`.

    Raises
    ------
    HeadlessError, ParameterError
        As in `served_notebook`. The host has received the error before.
    LinkError
        The kernel has run the notebook but cannot be reached.
    """
    import anyio

    from .._util.tasks import owned_tasks
    from ..errors import McpJupyterError
    from ..ipc.stdio_proxy import StartingNotebook

    resolved = Path(await anyio.Path(path).resolve())
    answer = opening(resolved, options.constant_tools or "auto").answer
    server = StartingNotebook(path.name, answer, options.constant_tools)
    async with owned_tasks() as tasks:
        with anyio.CancelScope() as scope:
            tasks.start_soon(_serve_stdio, server, scope)
            with anyio.move_on_after(FIRST_SECONDS):
                await server.opened()
            from ..ipc.discovery import Discovery  # not needed for the first answer

            discovery = Discovery()
            try:
                async with _run(path, options, discovery, say) as notebook:
                    server.ready(notebook.info, discovery)
                    await anyio.sleep_forever()
            except McpJupyterError as exc:
                server.failed(exc)
                await anyio.sleep_forever()  # until the host has received the error
    if server.failure is not None:
        raise server.failure


async def _serve_stdio(server: StartingNotebook, scope: CancelScope) -> None:
    from ..server.stdio import serve_stdio

    await serve_stdio(server)
    scope.cancel()


def opening(path: Path, constant_tools: Mode = "auto") -> Opening:
    """Return the object that answers a host in place of a notebook's kernel, from the notebook's file.

    Parameters
    ----------
    path : Path
        The notebook. It is read only if the path is absolute, because a relative one may mean another folder.
    constant_tools : "yes", "no" or "auto"
        Whether the host gets the constant tools besides the file's tools.
    """
    from ..kernel.outline import Outline, instructions, read_outline
    from ..server.opening import Opening

    name, outline = path.stem, cache(read_outline if path.is_absolute() else lambda _: Outline())

    def tools(profile: HostProfile) -> list[Tool]:
        from ..kernel.outline import file_tools
        from ..server.constant_tools import needed

        own = {tool.name: tool for tool in file_tools(outline(path).tool_cells)}
        # A user's tool replaces one of ours with the same name.
        return [*(own | needed(constant_tools, profile) | own).values()] if own else []

    return Opening(name, lambda chars: instructions(name, outline(path), chars), tools)


@asynccontextmanager
async def _run(
    path: Path, options: NotebookOptions, discovery: Discovery, say: Callable[[str], None]
) -> AsyncIterator[HeadlessNotebook]:
    """Run a notebook, and with `watch` run it again whenever its file changes."""
    from anyio import to_thread

    from .._util.tasks import owned_tasks

    say(f"Running {path.name} ...")
    # This import takes seconds on a busy machine. In a thread, it does not delay responses to the host.
    await to_thread.run_sync(import_module, "mcp_jupyter.headless.run")
    from ..headless.run import parse_parameters, run_notebook

    async with run_notebook(
        path,
        parameters=parse_parameters(options.parameters),
        kernel=options.kernel,
        allow_errors=options.allow_errors,
        allow=options.allow,
        discovery=discovery,
    ) as notebook:
        _say_failures(notebook.failed, say)
        await _say_denied(notebook.info, options.allow, say)
        async with owned_tasks() as tasks:
            if options.watch:
                tasks.start_soon(_watch, path, notebook, say)
            yield notebook


async def _say_denied(info: ConnectionInfo, allow: Collection[str], say: Callable[[str], None]) -> None:
    """List the tools whose calls will be denied, because nobody can approve them."""
    from ..ipc.owner_link import ask_owner

    found = await ask_owner(info, "notebook/describe", {})
    tools = [tool["name"] for tool in found["items"]["tools"] if tool["asks"] != "never"]
    denied = [] if "*" in allow else sorted(set(tools) - set(allow))
    if denied:
        names = join_names(denied)
        say(f"Nobody can approve calls here, so those of {names} will be denied. --allow TOOL allows one.")


def _say_failures(failed: list[CellFailed], say: Callable[[str], None]) -> None:
    for failure in failed:
        say(str(failure))


async def _watch(path: Path, notebook: HeadlessNotebook, say: Callable[[str], None]) -> None:
    import anyio

    from ..headless.run import HeadlessError

    seen = _state(path)
    while True:
        await anyio.sleep(LOOK_SECONDS)
        state = _state(path)
        if state in (None, seen):  # an editor may remove the file before it writes the new one
            continue
        seen = state
        say(f"{path.name} has changed: running it again ...")
        try:
            await notebook.again()
        except HeadlessError as exc:
            say(str(exc))
            say("Mend the notebook, and it runs again; until then what there is is served.")
        else:
            _say_failures(notebook.failed, say)
            say("It has run.")


def _state(path: Path) -> Any:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
