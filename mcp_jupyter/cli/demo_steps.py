# SPDX-License-Identifier: BSD-3-Clause
"""The steps of `jupyter mcp demo`: start a Jupyter Server, run a notebook in it, call it as a client.

The server has configuration and data directories of its own, which are deleted when it ends. The runtime
directory is the user's, so that `jupyter mcp list` and `attach` find the notebook.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import httpx2
import nbformat

from .._util.text import MAX_MESSAGE_CHARS, safe_block, safe_line
from ..client.session import ClientSession
from ..client.sse import sse_client
from ..client.streamable_http import streamablehttp_client
from ..errors import McpJupyterError

__all__ = ["JupyterProcess", "StepFailed", "play", "run_jupyter"]

START_SECONDS: Final = 60.0
"""Seconds for the server to start: JupyterLab with cold caches on a slow machine."""

STOP_SECONDS: Final = 15.0
"""Seconds for the server to stop, because it stops its kernels first."""

KERNEL_SECONDS: Final = 60.0
"""Seconds for a kernel to start, or for one cell to run: importing a large library takes several."""

REQUEST_SECONDS: Final = 30.0
"""Seconds for one REST request: starting a kernel is the slowest."""

POLL_SECONDS: Final = 0.05
"""Seconds between two checks whether the server has started."""

CONNECT_SECONDS: Final = 5.0
"""Seconds for one attempt to connect to a port of this machine, which takes long only under heavy load."""

LOG_LINES: Final = 15
"""Lines of the server's log to show when it does not start."""


class StepFailed(McpJupyterError):
    """A step failed; the message says which, why, and what may help."""


@dataclass(frozen=True)
class JupyterProcess:
    """A running Jupyter Server.

    Attributes
    ----------
    url : str
        Its base URL, with a slash at the end.
    has_lab : bool
        Whether it is JupyterLab.
    process : subprocess.Popen
        The server's process.
    root : Path
        The server's root directory, which holds the notebook.
    runtime : Path
        Jupyter's runtime directory.
    rest : httpx2.Client
        A client for the server's REST API, with the token.
    token : str
        The server's own token, not one for MCP clients.
    """

    url: str
    has_lab: bool
    process: subprocess.Popen[bytes]
    root: Path
    runtime: Path
    rest: httpx2.Client
    token: str

    def notebook_url(self, path: str) -> str:
        """Return the URL that opens a notebook in the browser; it contains the server's token."""
        return f"{self.url}lab/tree/{path}?token={self.token}"

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a REST request and return the JSON of the response.

        Parameters
        ----------
        method, path : str
            The HTTP method, and the path below `url`.
        body : mapping, optional
            The JSON of the request.

        Raises
        ------
        StepFailed
            The server refused the request, or did not respond.
        """
        try:
            answer = self.rest.request(method, path, json=body)
        except httpx2.HTTPError as exc:
            raise StepFailed(f"The Jupyter Server did not answer {method} {path}: {exc}.") from None
        if answer.is_success:
            return answer.json() if answer.content else None
        if answer.status_code == 404 and path.startswith("mcp-jupyter/"):
            raise StepFailed(
                "The Jupyter Server runs without this package's extension. To enable it: "
                "jupyter server extension enable mcp_jupyter"
            )
        said = f"{answer.status_code} {safe_line(answer.text, MAX_MESSAGE_CHARS)}"
        raise StepFailed(f"The Jupyter Server answered {method} {path} with {said}")

    def run_notebook(self, source: Path) -> str:
        """Run all cells of a notebook in a new kernel of this server.

        Returns
        -------
        str
            The id of the kernel, which keeps running.

        Raises
        ------
        StepFailed
            A cell failed; the message contains its error.
        """
        shutil.copyfile(source, self.root / source.name)
        session = {"path": source.name, "name": source.name, "type": "notebook"}
        kernel: dict[str, Any] = {"kernel": {"name": "python3"}}
        kernel_id = str(self.request("POST", "api/sessions", session | kernel)["kernel"]["id"])
        self._run_cells(source, self.runtime / f"kernel-{kernel_id}.json")
        return kernel_id

    @staticmethod
    def _run_cells(source: Path, connection_file: Path) -> None:
        from jupyter_client.blocking.client import BlockingKernelClient

        client = BlockingKernelClient(connection_file=str(connection_file))
        client.load_connection_file()
        # ZeroMQ keeps requests until the kernel listens. The output channel is not needed.
        client.start_channels(iopub=False, stdin=False, hb=False, control=False)
        try:
            notebook = nbformat.read(source, as_version=4)
            for number, cell in enumerate(notebook.cells, 1):
                if cell.cell_type == "code":
                    _run_cell(client, cell.source, f"Cell {number} of {source.name}")
        finally:
            client.stop_channels()


def _run_cell(client: Any, source: str, which: str) -> None:
    try:
        reply = client.execute(source, reply=True, timeout=KERNEL_SECONDS, allow_stdin=False)
    except TimeoutError:
        raise StepFailed(f"{which} did not end within {KERNEL_SECONDS:g} s.") from None
    content = reply["content"]
    if content["status"] != "ok":
        missing = content.get("ename") == "ModuleNotFoundError"
        advice = " Install it, or all of them with: pip install 'jupyter-mcp-engine[lab]'" if missing else ""
        raise StepFailed(f"{which} failed: {content.get('ename')}: {content.get('evalue')}.{advice}")


@contextmanager
def run_jupyter() -> Iterator[JupyterProcess]:
    """Start a Jupyter Server on a free port of the loopback interface, and stop it at the end.

    Raises
    ------
    StepFailed
        The server does not start; the message contains the end of its log.
    """
    from jupyter_core.paths import jupyter_runtime_dir

    with tempfile.TemporaryDirectory(prefix="jupyter-mcp-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        root = home / "notebooks"
        root.mkdir()
        runtime, token = Path(jupyter_runtime_dir()), secrets.token_urlsafe(32)
        process = _start(home, root, runtime, token)
        try:
            url = _wait_until_it_listens(process, runtime, home / "jupyter.log")
            headers = {"Authorization": f"token {token}"}
            with httpx2.Client(base_url=url, headers=headers, timeout=REQUEST_SECONDS) as rest:
                yield JupyterProcess(url, _has_lab(), process, root, runtime, rest, token)
        finally:
            _stop(process)


def _has_lab() -> bool:
    return find_spec("jupyterlab") is not None


def _start(home: Path, root: Path, runtime: Path, token: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jupyterlab" if _has_lab() else "jupyter_server", "--no-browser"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={root}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command += ["--allow-root"]
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "IPYTHONDIR": "ipython"}
    environ = os.environ | {name: str(home / folder) for name, folder in own.items()}
    environ.pop("JUPYTER_CONFIG_PATH", None)
    environ["JUPYTER_RUNTIME_DIR"] = str(runtime)  # else it would follow the data directory
    environ["JUPYTER_TOKEN"] = token  # not on the command line, which other users can read
    with (home / "jupyter.log").open("wb") as log:
        # A process session of its own: Ctrl-C reaches only this program, which then stops the server.
        return subprocess.Popen(
            command,
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_it_listens(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Wait until a Jupyter Server accepts connections, and return its URL.

    The server writes the file with its address before it listens, on a busy machine long before.
    """
    info_file = runtime / f"jpserver-{process.pid}.json"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        # The file is missing or incomplete, or the server does not listen yet.
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError, ConnectionError, TimeoutError):
            url = str(json.loads(info_file.read_text())["url"])
            where = urlsplit(url)
            socket.create_connection((where.hostname, where.port), CONNECT_SECONDS).close()
            return url
        time.sleep(POLL_SECONDS)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
    raise StepFailed(f"The Jupyter Server did not start. The end of its log:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# -- calls as a client -----------------------------------------------------------------------------

TOOL: Final = "top_customers"
ARGUMENTS: Final[Mapping[str, Any]] = {"n": 3}
RESOURCE: Final = "sales"

ROUND_SECONDS: Final = 60.0
"""Seconds for all requests over one transport: about ten, of milliseconds each."""

SHOWN_LINES: Final = 8
"""Lines of a value to show: enough to recognise it."""


def play(urls: Mapping[str, str], token: str, say: Callable[[str], None]) -> None:
    """List, call and read over HTTP+SSE, then over Streamable HTTP.

    Parameters
    ----------
    urls : mapping
        The notebook's URLs, by "sse" and "http".
    token : str
        A token for the notebook.
    say : callable
        Prints a line.

    Raises
    ------
    StepFailed
        A request failed or timed out.
    """
    headers = {"Authorization": f"Bearer {token}"}
    anyio.run(_play, urls, headers, say)


async def _play(urls: Mapping[str, str], headers: Mapping[str, str], say: Callable[[str], None]) -> None:
    told: list[str] = []
    for name, opener in (("HTTP+SSE", _over_sse), ("Streamable HTTP", _over_streamable_http)):
        try:
            with anyio.fail_after(ROUND_SECONDS):
                async with opener(urls, headers) as session:
                    account = await _round(session)
        except TimeoutError:
            raise StepFailed(f"{name}: no answer within {ROUND_SECONDS:g} s.") from None
        except McpJupyterError as exc:
            raise StepFailed(f"{name}: {exc}") from None
        say(f"{name:20}protocol version {session.protocol_version}")
        shown = ["the same, once more"] if account == told else account
        say("\n".join(f"  {line}" for line in shown) + "\n")
        told = account


@asynccontextmanager
async def _over_sse(urls: Mapping[str, str], headers: Mapping[str, str]) -> AsyncIterator[ClientSession]:
    async with (
        sse_client(urls["sse"], headers=headers) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def _over_streamable_http(
    urls: Mapping[str, str], headers: Mapping[str, str]
) -> AsyncIterator[ClientSession]:
    async with (
        streamablehttp_client(urls["http"], headers=headers) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.discover()
        yield session


async def _round(session: ClientSession) -> list[str]:
    """List, call and read once, and return the results as lines to print."""
    tools = (await session.list_tools()).tools
    resources = (await session.list_resources()).resources
    prompts = (await session.list_prompts()).prompts
    result = await session.call_tool(TOOL, ARGUMENTS)
    if result.isError:
        raise StepFailed(f"the tool {TOOL} failed: {_text(result.content)}")
    uri = next((resource.uri for resource in resources if resource.name == RESOURCE), None)
    if uri is None:
        raise StepFailed(f"the notebook has no resource {RESOURCE!r}.")
    held = await session.read_resource(uri)
    shown = ", ".join(f"{name}={value!r}" for name, value in ARGUMENTS.items())
    return [
        f"tools             {', '.join(tool.name for tool in tools)}",
        f"resources         {', '.join(resource.uri for resource in resources)}",
        f"prompts           {', '.join(prompt.name for prompt in prompts)}",
        f"{TOOL}({shown}) answers",
        *_excerpt(_text(result.content)),
        f"{uri} holds",
        *_excerpt(_text(held.contents)),
    ]


def _text(parts: Iterable[Any]) -> str:
    return "\n".join(part.text for part in parts if getattr(part, "text", None))


def _excerpt(text: str) -> list[str]:
    lines = safe_block(text).splitlines()
    shown = lines[:SHOWN_LINES] + (["..."] if len(lines) > SHOWN_LINES else [])
    return [f"  {line}" for line in shown]
