# SPDX-License-Identifier: BSD-3-Clause
"""Run a notebook to its end in its own kernel, and keep the kernel serving.

The document is not changed. Clients reach the kernel over a link (`ipc`), as with any live notebook.
"""

from __future__ import annotations

import ast
import json
import keyword
import os
import re
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import nbformat
from anyio.lowlevel import checkpoint_if_cancelled
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from ..errors import McpJupyterError, NotebookNotFound
from ..ipc.discovery import Discovery
from ..ipc.files import ConnectionInfo
from ..kernel.approvals import ALLOW
from .export import HeadlessError, read_notebook

__all__ = [
    "CellFailed",
    "HeadlessError",
    "HeadlessNotebook",
    "ParameterError",
    "is_injected",
    "parse_parameters",
    "run_notebook",
    "with_parameters",
]


START_SECONDS: Final = 60
"""Seconds for a kernel to start, with cold caches on a busy machine."""

LOAD_SECONDS: Final = 30.0
"""Seconds for our extension to load, which opens a socket, and for `kernel_info` before it."""

STOP_SECONDS: Final = 10.0
"""Seconds for a kernel to end in order; `stop` waits no longer."""

_LOAD: Final = "%load_ext mcp_jupyter"
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")


class CellFailed(HeadlessError):
    """A cell raised.

    Attributes
    ----------
    account : str
        The traceback as IPython shows it, without colours.
    """

    def __init__(self, message: str, account: str) -> None:
        super().__init__(message)
        self.account = account


class HeadlessNotebook:
    """A notebook and the kernel that runs it.

    Attributes
    ----------
    info : ConnectionInfo
        Where the kernel serves. Its kernel id stays the same when the notebook is run again.
    failed : list of CellFailed
        Failed cells of the last run, when errors are allowed.
    """

    info: ConnectionInfo

    def __init__(
        self,
        path: Path,
        *,
        parameters: Mapping[str, Any],
        kernel: str | None,
        allow_errors: bool,
        allow: Collection[str],
        discovery: Discovery,
    ) -> None:
        self.failed: list[CellFailed] = []
        self._path = path
        self._parameters = parameters
        self._kernel = kernel
        self._allow_errors = allow_errors
        self._allow = sorted(allow)
        self._discovery = discovery
        self._client: NotebookClient | None = None

    async def start(self) -> None:
        """Start the kernel and run the notebook.

        Raises
        ------
        HeadlessError
            The file or the kernel cannot be used, or (`CellFailed`) a cell raised.
        """
        client = self._client = self._prepared()
        environ = self._managed(client)
        try:
            await client.async_start_new_kernel(env=environ)
            await client.async_start_new_kernel_client()
        except NoSuchKernel as exc:
            raise HeadlessError(
                f"Unknown kernel {exc.name!r}. `jupyter kernelspec list` shows the known kernels."
            ) from None
        except RuntimeError as exc:
            raise HeadlessError(f"The kernel of {self._path.name} did not start: {exc}") from None
        await self._run(client)

    async def again(self) -> None:
        """Read the file again and run it in a new process of the same kernel."""
        assert self._client is not None, "it has been started"
        client, before = self._prepared(), self._client
        manager: Any = before.km  # an AsyncKernelManager, which nbclient's annotations do not say
        channels: Any = before.kc
        client.km, client.kc = manager, channels
        self._client = client
        try:
            await manager.restart_kernel()
            await channels.wait_for_ready(timeout=START_SECONDS)
        except RuntimeError as exc:
            raise HeadlessError(f"The kernel of {self._path.name} did not start: {exc}") from None
        await self._run(client)

    async def stop(self) -> None:
        """End the kernel. Idempotent."""
        client, self._client = self._client, None
        manager: Any = None if client is None else client.km
        if client is None or manager is None:
            return
        with anyio.move_on_after(STOP_SECONDS, shield=True):
            if client.kc is not None:
                client.kc.stop_channels()
            if manager.has_kernel:
                await manager.shutdown_kernel()  # asks before it kills: the kernel then removes its files
            else:
                await manager.cleanup_resources()

    @property
    def document(self) -> nbformat.NotebookNode:
        """The document with the outputs of the last run."""
        assert self._client is not None, "it has been started"
        return self._client.nb

    # -- steps -----------------------------------------------------------------------------------

    def _prepared(self) -> NotebookClient:
        notebook = with_parameters(read_notebook(self._path), self._parameters)
        named: dict[str, Any] = {} if self._kernel is None else {"kernel_name": self._kernel}
        resources = {"metadata": {"path": str(self._path.resolve().parent)}}
        return NotebookClient(
            notebook, timeout=None, startup_timeout=START_SECONDS, resources=resources, **named
        )

    def _managed(self, client: NotebookClient) -> dict[str, str]:
        """Set a manager whose kernel writes its files where we look; return the kernel's environment."""
        folder = self._discovery.runtime_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        client.km = client.create_kernel_manager()
        client.km.connection_file = str(folder / f"kernel-{uuid.uuid4()}.json")
        named = {"JPY_SESSION_NAME": str(self._path.resolve()), "JUPYTER_RUNTIME_DIR": str(folder)}
        return {**os.environ, **named, ALLOW: json.dumps(self._allow)}

    async def _run(self, client: NotebookClient) -> None:
        await self._load(client)
        client.reset_execution_trackers()
        self.failed = []
        number = 0
        for index, cell in enumerate(client.nb.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            # Numbered as the user sees them in the document, which lacks the cell that we injected.
            number += not (self._parameters and is_injected(cell))
            try:
                await client.async_execute_cell(cell, index)
            except CellExecutionError as exc:
                failed = CellFailed(
                    f"Cell [{number}] of {self._path.name} failed: {exc.ename}: {exc.evalue}",
                    _ANSI.sub("", exc.traceback),
                )
                if not self._allow_errors:
                    raise failed from None
                self.failed.append(failed)
            except (DeadKernelError, CellTimeoutError) as exc:
                await checkpoint_if_cancelled()  # nbclient reports our cancellation as a dead kernel
                raise HeadlessError(f"Cell [{number}] of {self._path.name}: {exc}") from None
        await self._find(client)

    async def _load(self, client: NotebookClient) -> None:
        """Load our extension, so that a notebook without `%load_ext mcp_jupyter` is served too."""
        assert client.kc is not None
        wrong: list[str] = []

        def hook(message: Mapping[str, Any]) -> None:
            if message["msg_type"] == "error":
                wrong.append(str(message["content"]["evalue"]))
            elif message["msg_type"] == "stream" and message["content"]["name"] == "stderr":
                wrong.append(message["content"]["text"].strip())

        channels: Any = client.kc
        info = await channels.kernel_info(reply=True, timeout=LOAD_SECONDS)
        language = info["content"].get("language_info", {}).get("name")
        if language != "python":
            raise HeadlessError(
                f"{self._path.name} cannot be served: its kernel runs {language}, and only Python's can."
            )
        reply = await channels.execute_interactive(
            _LOAD, store_history=False, allow_stdin=False, timeout=LOAD_SECONDS, output_hook=hook
        )
        if reply["content"]["status"] != "ok" or wrong:
            why = wrong[0] if wrong else "it did not load"
            raise HeadlessError(
                f"The kernel of {self._path.name} cannot serve: {why} (jupyter-mcp-engine has to be "
                "installed where the kernel runs)."
            )

    async def _find(self, client: NotebookClient) -> None:
        assert client.km is not None
        kernel_id = Path(client.km.connection_file).stem.removeprefix("kernel-")
        try:
            self.info = await self._discovery.by_kernel(kernel_id)
        except NotebookNotFound:
            raise HeadlessError(
                f"{self._path.name} has run, but its kernel serves nothing: a cell may have unloaded "
                "mcp_jupyter."
            ) from None


@asynccontextmanager
async def run_notebook(
    path: str | os.PathLike[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    kernel: str | None = None,
    allow_errors: bool = False,
    allow: Collection[str] = (),
    discovery: Discovery | None = None,
) -> AsyncIterator[HeadlessNotebook]:
    """Run a notebook to its end; its kernel serves until the context closes.

    Parameters
    ----------
    path : path
        The document; it is not changed.
    parameters : mapping, optional
        Variables to set first (see `with_parameters`).
    kernel : str, optional
        A kernel's name, instead of the notebook's own.
    allow_errors : bool
        Go on after a cell that fails.
    allow : collection of str
        Tools that run although they need a user's approval, which nobody can give here; "*" for all.
    discovery : Discovery, optional
        Finds the kernel; its runtime directory is where the kernel writes its files.

    Raises
    ------
    HeadlessError
        The file or the kernel cannot be used, or (`CellFailed`) a cell raised.
    """
    notebook = HeadlessNotebook(
        Path(path),
        parameters=parameters or {},
        kernel=kernel,
        allow_errors=allow_errors,
        allow=allow,
        discovery=discovery or Discovery(),
    )
    try:
        await notebook.start()
        yield notebook
    finally:
        await notebook.stop()


# -- parameters ----------------------------------------------------------------------------------
#
# Insert a cell that sets a notebook's parameters.
#
# As in papermill, the cell comes after the cell tagged "parameters", or first when there is no such cell.

_TAG: Final = "parameters"
_INJECTED: Final = "injected-parameters"


class ParameterError(McpJupyterError):
    """A parameter is malformed, or its name is not a Python name."""


def parse_parameters(given: Iterable[str]) -> dict[str, Any]:
    """Parse `NAME=VALUE` texts: a value is a Python literal (`3`, `True`, `["a"]`) or else a text.

    Raises
    ------
    ParameterError
        There is no "=", or NAME is not a Python name.
    """
    parameters: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(f"{text!r} is not a parameter: write NAME=VALUE.")
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ParameterError(f"{name!r} cannot be the name of a variable.")
        parameters[name] = _literal(value)
    return parameters


def _literal(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
        ast.literal_eval(repr(value))  # the injected cell has the repr: that of 1e999 is the name `inf`
        return value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def with_parameters(notebook: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> nbformat.NotebookNode:
    """Return the notebook with a cell that sets the parameters; without parameters, the same notebook."""
    if not parameters:
        return notebook
    source = "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in parameters.items())])
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [_INJECTED]})
    cells = [cell for cell in notebook.cells if not is_injected(cell)]
    tagged = [index for index, cell in enumerate(cells) if _TAG in _tags(cell)]
    place = tagged[0] + 1 if tagged else 0
    return nbformat.NotebookNode({**notebook, "cells": [*cells[:place], cell, *cells[place:]]})


def is_injected(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell was injected to set parameters, by us or by papermill."""
    return _INJECTED in _tags(cell)


def _tags(cell: nbformat.NotebookNode) -> list[str]:
    tags = cell.metadata.get("tags", [])
    return tags if isinstance(tags, list) else []
