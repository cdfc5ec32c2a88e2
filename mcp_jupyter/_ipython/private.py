# SPDX-License-Identifier: BSD-3-Clause
"""The private and undocumented names of IPython and ipykernel that this package uses, behind small functions.

No other file uses one of these names. `tests/test_private_names.py` sees to that, and has a canary for each
name: it says which name a new version lacks. Then only this file has to change. Both packages have an upper
bound in pyproject.toml, because a name may go in any major version.
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
    "sources_of_cells",
    "unregister_magics",
    "user_variables",
]

M = TypeVar("M", bound=Magics)

# -- methods that are replaced on an object ------------------------------------------------------------

INPUT_REQUEST: Final = "_input_request"
"""Of the kernel: `input()` and `getpass()` end there, and a call must not wait for the keyboard."""

PUBLISH_STATUS: Final = "_publish_status"
"""Of the kernel: it sends "busy" and "idle", which must not contradict what is sent for calls."""

SHOW_TRACEBACK: Final = "_showtraceback"
"""Of the shell: the error of a cell that a call runs (`run_cell`) belongs to the call."""

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
        Stands in its place.

    Attributes
    ----------
    original : callable
        The method as it was.
    """

    def __init__(self, owner: Any, name: str, method: Any) -> None:
        self.original = getattr(owner, name)
        self._owner = owner
        self._name = name
        self._method = method
        self._before = vars(owner).get(name, _NOTHING)
        setattr(owner, name, method)

    def undo(self) -> None:
        """Put the original back, unless somebody has replaced the method since: theirs may call ours."""
        if vars(self._owner).get(self._name) is not self._method:
            return
        if self._before is _NOTHING:
            delattr(self._owner, self._name)  # the method of the class appears again
        else:
            setattr(self._owner, self._name, self._before)


# -- the kernel ----------------------------------------------------------------------------------------


def has_kernel(shell: InteractiveShell) -> bool:
    """Whether the shell belongs to a Jupyter kernel: plain IPython's has no `kernel`."""
    return getattr(shell, "kernel", None) is not None


def main_loop(shell: InteractiveShell) -> asyncio.AbstractEventLoop | None:
    """The loop of the kernel's main thread, on which calls run; None while the kernel starts."""
    io_loop = getattr(getattr(shell, "kernel", None), "io_loop", None)
    loop: asyncio.AbstractEventLoop | None = getattr(io_loop, "asyncio_loop", None)
    return loop


def gui_has_main_thread(kernel: Any) -> bool:
    """Whether a GUI's event loop (`%gui qt`) has the main thread: asyncio's then runs only for messages."""
    return kernel.eventloop is not None


def leave_gui(kernel: Any) -> None:
    """Have a GUI's event loop give way to asyncio's: it does so for a message to the shell.

    This message is one that ipykernel sends itself, and that has no other effect. While ipykernel drops cells
    after an error, it has sent one already.
    """
    if not kernel._aborting:
        send = kernel._post_dummy_stop_aborting_message
        kernel.shell_channel_thread.io_loop.add_callback(send, None)


def publish(kernel: Any, kind: str, content: Mapping[str, Any], parent: Any) -> None:
    """Send a message on IOPub for any request, from any thread; `send_response` knows only the last one."""
    topic = "status" if kind == "status" else "display_data"
    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent, ident=kernel._topic(topic))


def shell_main_code() -> CodeType:
    """The code that runs all requests of front ends: its frame marks where a call's own code ends."""
    from ipykernel.kernelbase import Kernel  # plain IPython starts without ipykernel

    return Kernel.shell_main.__code__


# -- cells ---------------------------------------------------------------------------------------------


def run_code_code() -> CodeType:
    """The code that runs a cell: its frame on the stack tells that a cell's code has the thread."""
    return InteractiveShell.run_code.__code__


def number_of_running_cell(shell: InteractiveShell) -> int | None:
    """The number of the cell that runs; None before a cell runs, and when it has run another one."""
    running = shell.displayhook.exec_result
    return None if running is None else running.execution_count


def rendered_traceback(shell: InteractiveShell, error: BaseException, frames: Any) -> list[str]:
    """An error as IPython shows it, from the given frames on: `showtraceback` shows those of magics too."""
    shown: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, frames, tb_offset=0)
    return shown


def rendered_syntax_error(shell: InteractiveShell, error: SyntaxError, frames: Any) -> list[str]:
    """A syntax error as IPython shows it, with the given frames (as `traceback.extract_tb` gives them)."""
    shown: list[str] = shell.SyntaxTB.structured_traceback(type(error), error, frames)
    return shown


def sources_of_cells(shell: InteractiveShell) -> list[str]:
    """The source of each cell that ran, by its number; that of number 0 is empty."""
    history: Any = shell.history_manager
    return list(history.input_hist_raw)


def history_of_cell(
    shell: InteractiveShell, number: int
) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    """The MIME bundles that a cell has put out, and its error; IPython keeps both since version 9."""
    history = shell.history_manager
    outputs = [each.bundle for each in list(getattr(history, "outputs", {}).get(number, ()))]
    return outputs, getattr(history, "exceptions", {}).get(number) or {}


def user_variables(shell: InteractiveShell) -> list[str]:
    """The names that the user has defined: without those that IPython puts into the namespace itself."""
    hidden = shell.user_ns_hidden
    return [name for name in dict(shell.user_ns) if not name.startswith("_") and name not in hidden]


# -- magics --------------------------------------------------------------------------------------------


def registered_magics(shell: InteractiveShell, kind: type[M]) -> M | None:
    """The magics of one class, where they are registered: IPython looks them up by function only."""
    magics = shell.magics_manager.registry.get(kind.__name__)
    return magics if isinstance(magics, kind) else None


def unregister_magics(shell: InteractiveShell, kind: type[M]) -> M | None:
    """Undo `register_magics` for one class, which IPython cannot; None when they are not registered."""
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
    """The options of a magic, by flag: they are completed, and argparse lists them nowhere else."""
    return {flag: action for action in parser._actions for flag in action.option_strings}


def autoreload_magics(shell: InteractiveShell) -> Any:
    """The magics of `%autoreload`; None where that extension is not loaded. A class may have changed then."""
    return shell.magics_manager.registry.get("AutoreloadMagics")


def reload_modules(shell: InteractiveShell) -> None:
    """Reload the modules whose files changed, before a call as before a cell, where `%autoreload` is on."""
    magics = autoreload_magics(shell)
    if magics is not None:
        magics.pre_run_cell(getattr(magics, "_last_execution_info", None))
