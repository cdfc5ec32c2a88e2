# SPDX-License-Identifier: BSD-3-Clause
"""`%load_ext mcp_jupyter` and `%unload_ext mcp_jupyter`: unloading removes all that loading registered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from ._ipython.cards import show
from ._ipython.private import has_kernel, registered_magics, unregister_magics
from .errors import LinkError
from .kernel.cells import CellTransformer
from .kernel.engine import Engine
from .kernel.magics import Completion, McpMagics
from .kernel.status import loaded_card
from .notebook_client.connections import Connections
from .notebook_client.magics import CallingMagics, connected_rows

if TYPE_CHECKING:
    from ._ipython.questions import Question
    from .notebook_client.connected_server import ConnectedServer
    from .widgets.questions import QuestionForm

__all__ = ["connections_of", "engine_of", "load_ipython_extension", "magics_of", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Start the engine, register the magics and show a card. Loading twice shows the card again.

    In plain IPython no engine is started: magics that call servers work, magics that serve raise a
    `UsageError` with the reason.

    Raises
    ------
    UsageError
        The engine cannot listen; one line.
    """
    magics = magics_of(shell) or _load(shell)
    if magics.load_card:
        show(loaded_card(magics.running))


def _load(shell: InteractiveShell) -> McpMagics:
    engine = _started(shell) if has_kernel(shell) else None
    connections = Connections(None) if engine is None else Connections(engine.post_to_main, _Widgets())
    calling = CallingMagics(shell, connections)
    magics = McpMagics(shell, engine, partial(connected_rows, connections))
    shell.register_magics(magics, calling)
    magics.completion = Completion(magics)
    shell.Completer.custom_matchers.append(magics.completion.matcher)
    magics.transformer = CellTransformer(shell, {*magics.magics["cell"], *calling.magics["cell"]})
    shell.input_transformers_cleanup.append(magics.transformer)
    return magics


def _started(shell: InteractiveShell) -> Engine:
    try:
        engine = Engine(shell, _Widgets().form)
        engine.start()
    except LinkError as exc:
        raise UsageError(str(exc)) from None
    return engine


class _Widgets:
    """Make widgets. ipywidgets is imported for the first one: its import takes a third of a second."""

    def panel(self, server: ConnectedServer) -> object:
        from .widgets.panel import panel_of

        return panel_of(server)

    def form(self, question: Question) -> QuestionForm:
        from .widgets.questions import QuestionForm

        return QuestionForm(question)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Disconnect all servers, stop the engine and take the magics back."""
    calling, magics = unregister_magics(shell, CallingMagics), unregister_magics(shell, McpMagics)
    if calling is not None:
        calling.close()
    if magics is None:
        return
    magics.close()
    if magics.completion is not None:
        shell.Completer.custom_matchers.remove(magics.completion.matcher)
    if magics.transformer is not None:
        shell.input_transformers_cleanup.remove(magics.transformer)
    if magics.answers is not None:
        magics.answers.undo()
    if magics.running is not None:
        magics.running.stop()


def engine_of(shell: InteractiveShell) -> Engine | None:
    """Return the engine of a shell; None without a kernel or without the loaded extension."""
    magics = magics_of(shell)
    return None if magics is None else magics.running


def magics_of(shell: InteractiveShell) -> McpMagics | None:
    """The serving magics of a shell that has the extension loaded, else None."""
    return registered_magics(shell, McpMagics)


def connections_of(shell: InteractiveShell) -> Connections | None:
    """The servers that a shell with the extension loaded is connected to, else None."""
    calling = registered_magics(shell, CallingMagics)
    return None if calling is None else calling.connections
