# SPDX-License-Identifier: BSD-3-Clause
"""Find out the kernel's id and the path of its notebook, from what Jupyter and editors give a kernel."""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config.configurable import MultipleInstanceError

__all__ = ["SESSION_NAME", "Identity", "cell_id", "identify", "is_interactive", "why_unreachable"]

SESSION_NAME: Final = "JPY_SESSION_NAME"
"""The environment variable in which Jupyter Server gives a kernel its notebook's path."""

_CONNECTION_FILE: Final = re.compile(r"kernel-(?P<id>[A-Za-z0-9_\-]{1,128})\.json")
_OF_SERVER: Final = re.compile(r"kernel-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json")
"""The form that servers use for the connection files of their kernels. Other programs use other names."""

_GATEWAY_VARIABLES: Final = ("KERNEL_GATEWAY", "KERNEL_ID", "EG_RESPONSE_ADDRESS", "GP_RESPONSE_ADDRESS")
"""Environment variables that Jupyter Kernel Gateway, Enterprise Gateway and Gateway Provisioners set."""

_LAUNCHER: Final = "JPY_PARENT_PID"
"""The environment variable in which `jupyter_client` gives a kernel the id of its launcher's process."""

_KERNEL_ID: Final = re.compile(r"[A-Za-z0-9_\-]{1,128}")

_IN_NAMESPACE: Final = ("__vsc_ipynb_file__", "PAPERMILL_INPUT_PATH")


@dataclass(frozen=True, slots=True)
class Identity:
    """A kernel's id, which stays the same when it restarts, and its notebook's path, or None."""

    kernel_id: str
    path: str | None = None

    @property
    def name(self) -> str:
        """The notebook's file name without its extension; "notebook" when the path is unknown."""
        return PurePath(self.path).stem if self.path else "notebook"

    @property
    def file(self) -> str | None:
        """The real path of the notebook's file; the path as given where no such file is found.

        A relative path is tried from the working directory, and its last part too, because kernels start in
        the folder of their notebook. The root that the path is relative to is unknown here.
        """
        if self.path is None or os.path.isabs(self.path):
            return self.path and os.path.realpath(self.path)
        places = [os.path.realpath(self.path), os.path.realpath(os.path.basename(self.path))]
        return next(filter(os.path.isfile, places), self.path)


def identify(namespace: Mapping[str, Any]) -> Identity:
    """Return the identity of this kernel.

    The kernel's id is in the name of its connection file. The notebook's path is in `JPY_SESSION_NAME`
    (Jupyter Server sets it), or in the namespace: `__vsc_ipynb_file__` (VS Code), `PAPERMILL_INPUT_PATH`
    (``papermill --inject-paths``).

    Parameters
    ----------
    namespace : mapping
        The notebook's namespace.
    """
    said = [os.environ.get(SESSION_NAME), *(namespace.get(name) for name in _IN_NAMESPACE)]
    paths = [path for path in said if path and isinstance(path, str)]
    return Identity(_kernel_id(), paths[0] if paths else None)


def why_unreachable(runtime_dir: Path) -> str:
    """Return why the kernel's Jupyter Server cannot reach it, as the end of a sentence; empty when it can.

    The kernel writes its address to its own runtime directory, and the server looks in the server's. The
    environment of a kernel and its connection file tell whether both are one directory on one machine.

    Parameters
    ----------
    runtime_dir : Path
        The kernel's runtime directory.
    """
    if any(os.environ.get(name) for name in _GATEWAY_VARIABLES):
        return "it was started through a gateway, on another machine or for another user"
    file = _connection_file()
    if file is None or _OF_SERVER.fullmatch(file.name) is None:
        return ""  # started without a server: by a console, an editor, `jupyter execute`
    if os.path.realpath(file.parent) != os.path.realpath(runtime_dir):
        return (
            f"its Jupyter runtime directory is {runtime_dir}, and the server's is {file.parent} "
            "(see JUPYTER_RUNTIME_DIR in the kernel's environment)"
        )
    if sys.platform != "win32" and not _launched_here():
        return "it runs in a container or sandbox of its own, or on another machine"
    return ""


def _launched_here() -> bool:
    """Whether the process that launched this kernel is one of its parent processes."""
    import psutil

    try:
        return any(str(parent.pid) == os.environ.get(_LAUNCHER) for parent in psutil.Process().parents())
    except psutil.Error:
        return True  # unknown: assume that it is


def _connection_file() -> Path | None:
    from ipykernel.connect import get_connection_file

    try:
        return Path(get_connection_file())
    except (RuntimeError, MultipleInstanceError):
        # This process is not a kernel. Plain IPython has an application of another class.
        return None


def _kernel_id() -> str:
    file = _connection_file()
    if file is None:
        return uuid.uuid4().hex
    name = file.name
    match = _CONNECTION_FILE.fullmatch(name)
    if match:
        return match["id"]
    stem = Path(name).stem
    return stem if _KERNEL_ID.fullmatch(stem) else uuid.uuid5(uuid.NAMESPACE_URL, name).hex


def cell_id(shell: InteractiveShell) -> str | None:
    """Return the id of the running cell; None unless the front end sends it (JupyterLab and VS Code do)."""
    cell = _of_request(shell, "metadata").get("cellId")
    return cell if isinstance(cell, str) else None


def is_interactive(shell: InteractiveShell) -> bool:
    """Whether a user runs the cell. Programs such as nbclient and nbval forbid it to ask for input."""
    return _of_request(shell, "content").get("allow_stdin") is True


def _of_request(shell: InteractiveShell, part: str) -> Mapping[str, Any]:
    """Return a part of the request that runs the cell; empty in plain IPython."""
    message = shell.get_parent() if hasattr(shell, "get_parent") else None
    found = message.get(part) if isinstance(message, Mapping) else None
    return found if isinstance(found, Mapping) else {}
