# SPDX-License-Identifier: BSD-3-Clause
"""Run a notebook under test in its own kernel and connect to it as to any server.

The kernel has its own Jupyter runtime directory and a time limit. `headless` runs the notebook.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from ..engine.channel import Channel
from ..errors import RequestTimeout
from ..headless.export import HeadlessError
from ..headless.run import run_notebook
from ..ipc.attached_notebook import AttachedNotebook
from ..ipc.discovery import Discovery
from ..notebook_client.connected_server import ConnectedServer
from .servers import Servers

__all__ = ["RUN_SECONDS", "running_notebook"]

RUN_SECONDS: Final = 300.0
"""Seconds for a notebook to run. A test that needs longer says so with `timeout=`."""


@contextmanager
def running_notebook(
    path: str | os.PathLike[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    kernel: str | None = None,
    timeout: float = RUN_SECONDS,
) -> Iterator[ConnectedServer]:
    """Run a notebook and connect to it until the context closes.

    The notebook's file is not changed, and the user's own Jupyter does not see the kernel.

    Parameters
    ----------
    path : path
        The notebook's file.
    parameters : mapping, optional
        Variables for the notebook; they override those in the cell tagged "parameters".
    kernel : str, optional
        A kernel's name, instead of the notebook's own.
    timeout : float
        Seconds for the notebook to run.

    Yields
    ------
    ConnectedServer
        As `%mcp_connect` makes it: ``.tools.total(year=2026)``, ``.read(uri)``, ``.prompt(name)``.

    Raises
    ------
    HeadlessError
        The file or the kernel cannot be used, the time is up, or (`CellFailed`) a cell raised.

    Examples
    --------
    >>> @pytest.fixture(scope="module")
    ... def sales():
    ...     with running_notebook("analysis.ipynb") as server:
    ...         yield server
    """
    # A short path: that of a Unix socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="mcp-", ignore_cleanup_errors=True) as runtime_dir:
        servers = Servers()
        notebook = _Notebook(Path(path), parameters, kernel, Discovery(Path(runtime_dir)))
        try:
            yield _connected(servers, notebook, timeout)
        finally:
            servers.close()


def _connected(servers: Servers, notebook: _Notebook, timeout: float) -> ConnectedServer:
    try:
        return servers.connect(notebook.path.name, notebook, timeout=timeout)
    except RequestTimeout:
        raise HeadlessError(f"{notebook.path.name} did not run to its end within {timeout:g} s.") from None


class _Notebook:
    """A notebook as a server object for `Client`: running it runs the notebook in a kernel."""

    def __init__(
        self, path: Path, parameters: Mapping[str, Any] | None, kernel: str | None, discovery: Discovery
    ) -> None:
        self.path = path
        self._parameters = parameters
        self._kernel = kernel
        self._discovery = discovery
        self._attached: AttachedNotebook | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with run_notebook(
            self.path, parameters=self._parameters, kernel=self._kernel, discovery=self._discovery
        ) as notebook:
            self._attached = AttachedNotebook(notebook.info, self._discovery)
            async with self._attached.running():
                yield

    async def serve(self, channel: Channel) -> None:
        assert self._attached is not None, "it runs"
        await self._attached.serve(channel)
