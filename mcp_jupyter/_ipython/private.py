# SPDX-License-Identifier: BSD-3-Clause
"""Wrap the private and undocumented names of IPython and ipykernel that this package uses in small functions.

No other file uses these names. `tests/test_private_names.py` checks that, and has a canary for each name,
which fails when a new version lacks it. Then only this file has to change. Both packages have an upper bound
in pyproject.toml, because any major version may drop a name.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from types import CodeType
from typing import Any, Final, TypeVar

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics

__all__ = [
    "INPUT_REQUEST",
    "PUBLISH_STATUS",
    "SHOW_TRACEBACK",
    "Replacement",
    "autoreload_magics",
    "flags_of",
    "gui_has_main_thread",
    "has_kernel",
    "history_of_cell",
    "leave_gui",
    "main_loop",
    "number_of_running_cell",
    "publish",
    "registered_magics",
    "reload_modules",
    "rendered_syntax_error",
    "rendered_traceback",
    "run_code_code",
    "shell_main_code",
    "source_of_running_cell",
    "sources_of_cells",
    "unregister_magics",
    "user_variables",
]

M = TypeVar("M", bound=Magics)

# -- methods that are replaced on an object ------------------------------------------------------------

INPUT_REQUEST: Final = "_input_request"
"""A method of the kernel, which `input()` and `getpass()` call. A call must not wait for the keyboard."""

PUBLISH_STATUS: Final = "_publish_status"
"""A method of the kernel, which sends "busy" and "idle". They must agree with the status sent for calls."""

SHOW_TRACEBACK: Final = "_showtraceback"
"""A method of the shell. The error of a cell that a call runs (`run_cell`) belongs to the call."""

_NOTHING: Final = object()


class Replacement:
    """A method of one object, replaced until `undo`.

    Parameters
    ----------
    owner : object
        The object whose attribute is set. Its class stays as it is.
    name : str
        The name of the method.
    method : callable
        The replacement.

    Attributes
    ----------
    original : callable
        The replaced method.
    """

    def __init__(self, owner: Any, name: str, method: Any) -> None:
        self.original = getattr(owner, name)
        self._owner = owner
        self._name = name
        self._method = method
        self._before = vars(owner).get(name, _NOTHING)
        setattr(owner, name, method)

    def undo(self) -> None:
        """Put the original back, unless other code has replaced the method since: it may call ours."""
        if vars(self._owner).get(self._name) is not self._method:
            return
        if self._before is _NOTHING:
            delattr(self._owner, self._name)  # the method of the class appears again
        else:
            setattr(self._owner, self._name, self._before)


# -- the kernel ----------------------------------------------------------------------------------------


def has_kernel(shell: InteractiveShell) -> bool:
    """Whether the shell belongs to a Jupyter kernel. That of plain IPython lacks `kernel`."""
    return getattr(shell, "kernel", None) is not None


def main_loop(shell: InteractiveShell) -> asyncio.AbstractEventLoop | None:
    """Return the loop of the kernel's main thread, on which calls run; None while the kernel starts."""
    io_loop = getattr(getattr(shell, "kernel", None), "io_loop", None)
    loop: asyncio.AbstractEventLoop | None = getattr(io_loop, "asyncio_loop", None)
    return loop


def gui_has_main_thread(kernel: Any) -> bool:
    """Whether a GUI's loop (`%gui qt`) holds the main thread: asyncio's loop then waits for a message."""
    return kernel.eventloop is not None


def leave_gui(kernel: Any) -> None:
    """Make a GUI's event loop give way to asyncio's, as it does for each message to the shell.

    The message sent here is one that ipykernel itself sends and that has no other effect. While ipykernel
    drops cells after an error, it has already sent one.
    """
    if not kernel._aborting:
        send = kernel._post_dummy_stop_aborting_message
        kernel.shell_channel_thread.io_loop.add_callback(send, None)


def publish(kernel: Any, kind: str, content: Mapping[str, Any], parent: Any) -> None:
    """Send a message on IOPub for any request, from any thread. `send_response` uses the last request."""
    topic = "status" if kind == "status" else "display_data"
    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent, ident=kernel._topic(topic))


def shell_main_code() -> CodeType:
    """Return the code object that runs front ends' requests. Its frame marks where a call's own code ends."""
    from ipykernel.kernelbase import Kernel  # plain IPython starts without ipykernel

    return Kernel.shell_main.__code__


# -- cells ---------------------------------------------------------------------------------------------


def run_code_code() -> CodeType:
    """Return the code object that runs a cell. Its frame on the stack shows that a cell has the thread."""
    return InteractiveShell.run_code.__code__


def number_of_running_cell(shell: InteractiveShell) -> int | None:
    """Return the number of the running cell; None before a cell runs, and after it has run another cell."""
    running = shell.displayhook.exec_result
    return None if running is None else running.execution_count


def source_of_running_cell(shell: InteractiveShell) -> str:
    """Return the source of the running cell, empty where `number_of_running_cell` is None."""
    running = shell.displayhook.exec_result
    return "" if running is None else str(running.info.raw_cell)


def rendered_traceback(shell: InteractiveShell, error: BaseException, frames: Any) -> list[str]:
    """Render an error as IPython does, from the given frames on. `showtraceback` adds those of magics."""
    shown: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, frames, tb_offset=0)
    return shown


def rendered_syntax_error(shell: InteractiveShell, error: SyntaxError, frames: Any) -> list[str]:
    """Render a syntax error as IPython does, with the given frames (of `traceback.extract_tb`)."""
    shown: list[str] = shell.SyntaxTB.structured_traceback(type(error), error, frames)
    return shown


def sources_of_cells(shell: InteractiveShell) -> list[str]:
    """Return the sources of the cells that ran, by number. Number 0 is empty."""
    history: Any = shell.history_manager
    return list(history.input_hist_raw)


def history_of_cell(
    shell: InteractiveShell, number: int
) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    """Return the MIME bundles of a cell's outputs, and its error. IPython keeps both since version 9."""
    history = shell.history_manager
    outputs = [each.bundle for each in list(getattr(history, "outputs", {}).get(number, ()))]
    return outputs, getattr(history, "exceptions", {}).get(number) or {}


def user_variables(shell: InteractiveShell) -> list[str]:
    """Return the names that the user has defined, without those that IPython adds to the namespace."""
    hidden = shell.user_ns_hidden
    return [name for name in dict(shell.user_ns) if not name.startswith("_") and name not in hidden]


# -- magics --------------------------------------------------------------------------------------------


def registered_magics(shell: InteractiveShell, kind: type[M]) -> M | None:
    """Return the registered magics of one class, or None. IPython looks magics up by function only."""
    magics = shell.magics_manager.registry.get(kind.__name__)
    return magics if isinstance(magics, kind) else None


def unregister_magics(shell: InteractiveShell, kind: type[M]) -> M | None:
    """Undo `register_magics` for one class, for which IPython has no function. Return the magics, or None."""
    manager = shell.magics_manager
    magics = registered_magics(shell, kind)
    if magics is None:
        return None
    del manager.registry[kind.__name__]
    for cut in ("line", "cell"):
        for name in magics.magics[cut]:
            manager.magics[cut].pop(name, None)
    registered: list[Any] = shell.configurables
    if magics in registered:
        registered.remove(magics)
    return magics


def flags_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return the options of a magic by flag, for completion. argparse has no public list of them."""
    return {flag: action for action in parser._actions for flag in action.option_strings}


def autoreload_magics(shell: InteractiveShell) -> Any:
    """Return the magics of `%autoreload`, with which classes may change; None when it is not loaded."""
    return shell.magics_manager.registry.get("AutoreloadMagics")


def reload_modules(shell: InteractiveShell) -> None:
    """Reload changed modules where `%autoreload` is on. Calls do so as cells do."""
    magics = autoreload_magics(shell)
    if magics is not None:
        magics.pre_run_cell(getattr(magics, "_last_execution_info", None))
