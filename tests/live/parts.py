# SPDX-License-Identifier: BSD-3-Clause
"""The parts of a whole: a Jupyter Server, notebooks that run in it, and clients. Asserts nothing."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
from jupyter_client import BlockingKernelClient

from tests.conftest import JupyterDirs
from tests.kernel.live import Cells

START_SECONDS = 60
ANSWER_SECONDS = 30
JUPYTER_TOKEN = "jupyter-token-of-this-test"
BASE_URL = "/base/"
SDK_CLIENT = Path(__file__).with_name("sdk_client.py")


class Notebook(Cells):
    """A notebook whose kernel the Jupyter Server started."""

    def __init__(self, server: JupyterServer, path: str, kernel: str = "python3") -> None:
        self._server = server
        model = {"path": path, "name": path, "type": "notebook", "kernel": {"name": kernel}}
        session = server.post("api/sessions", model)
        self.kernel_id: str = session["kernel"]["id"]
        self.connect_channels()

    def connect_channels(self) -> None:
        """Open channels to the kernel and wait until it answers."""
        file = self._server.dirs.runtime / f"kernel-{self.kernel_id}.json"
        self.client = BlockingKernelClient(connection_file=str(file))
        self.client.load_connection_file()
        # Without the heartbeat: on a busy machine it takes a slow kernel for a dead one.
        self.client.start_channels(hb=False)
        self.client.wait_for_ready(timeout=START_SECONDS)

    def restart(self) -> None:
        """Restart the kernel, as the button does."""
        self.client.stop_channels()
        self._server.post(f"api/kernels/{self.kernel_id}/restart", {})
        self.connect_channels()

    def interrupt(self) -> None:
        """Interrupt the kernel, as the stop button does."""
        self._server.post(f"api/kernels/{self.kernel_id}/interrupt", {})

    def close(self) -> None:
        """Leave the kernel; the server ends it."""
        self.client.stop_channels()


@dataclass
class JupyterServer:
    """A Jupyter Server process."""

    url: str
    dirs: JupyterDirs
    log: Path

    def __post_init__(self) -> None:
        headers = {"Authorization": f"token {JUPYTER_TOKEN}"}
        self.http = httpx2.Client(base_url=self.url, headers=headers, timeout=START_SECONDS)

    def post(self, path: str, body: Any) -> Any:
        """What the human door and Jupyter's own API answer."""
        response = self.http.post(path, json=body)
        response.raise_for_status()
        return response.json() if response.content else None

    def get(self, path: str) -> Any:
        response = self.http.get(path)
        response.raise_for_status()
        return response.json()

    def endpoint(self, name: str) -> str:
        """The URL of a notebook's MCP endpoint."""
        return f"{self.url}mcp-jupyter/{name}"

    def token(self, *servers: str, tools: tuple[str, ...] = ("*",)) -> str:
        """A new token's text."""
        scopes = {"tools": list(tools), "resources": ["*"], "prompts": ["*"]}
        wishes = {"label": "test", "servers": list(servers), **scopes, "days": 1}
        made: str = self.post("mcp-jupyter/api/tokens", wishes)["token"]
        return made

    def served(self) -> dict[str, Any]:
        """The live servers by name."""
        return {found["name"]: found for found in self.get("mcp-jupyter/api/servers")["servers"]}

    @contextmanager
    def notebook(self, path: str, *cells: str, kernel: str = "python3") -> Iterator[Notebook]:
        """A notebook that has run some cells; its kernel is shut down at the end."""
        notebook = Notebook(self, path, kernel)
        try:
            for cell in cells:
                ran = notebook.run(cell)
                assert not ran.error, ran.error
            yield notebook
        finally:
            notebook.close()
            self.http.delete(f"api/kernels/{notebook.kernel_id}")


@contextmanager
def jupyter_server(dirs: JupyterDirs, *options: str) -> Iterator[JupyterServer]:
    """A Jupyter Server with the extension, on a free port under a base URL."""
    log = dirs.root / "server.log"
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.base_url={BASE_URL}"),
        f"--ServerApp.root_dir={dirs.notebooks}",
        "--ServerApp.jpserver_extensions={'mcp_jupyter': True}",
        "--ServerApp.kernel_manager_class=jupyter_server.services.kernels.kernelmanager.AsyncMappingKernelManager",
        *options,
    ]
    with log.open("wb") as stream:
        environ = {**dirs.environ, "JUPYTER_TOKEN": JUPYTER_TOKEN}
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environ)
    try:
        port = wait_for(lambda: _port(dirs.runtime, process, log), START_SECONDS)
        server = JupyterServer(f"http://127.0.0.1:{port}{BASE_URL}", dirs, log)
        with server.http:
            yield server
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _port(runtime: Path, process: subprocess.Popen[bytes], log: Path) -> int | None:
    if process.poll() is not None:
        raise RuntimeError(f"The Jupyter Server ended:\n{log.read_text()}")
    for file in runtime.glob("jpserver-*.json"):
        with suppress(ValueError):  # it is being written
            found: int = json.loads(file.read_text())["port"]
            return found
    return None


def wait_for(fact: Callable[[], Any], seconds: float = ANSWER_SECONDS) -> Any:
    """Look until there is something, for so long at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = fact()
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError(f"It was not so within {seconds:g} s.")


class SdkClient:
    """The official SDK's client in a process of its own."""

    def __init__(self, process: anyio.abc.Process) -> None:
        self._process = process
        self._keys = itertools.count()
        self._answers: dict[str, Mapping[str, Any]] = {}
        self.said: list[Mapping[str, Any]] = []
        self._changed = anyio.Event()

    async def run(self) -> None:
        """Read what the process says."""
        assert self._process.stdout is not None
        buffer = b""
        async for chunk in self._process.stdout:
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                said = json.loads(line)
                if "as" in said:
                    self._answers[said["as"]] = said
                else:
                    self.said.append(said)
            self._changed.set()
            self._changed = anyio.Event()

    async def begin(self, verb: str, **arguments: Any) -> str:
        """Give a command; returns its key."""
        assert self._process.stdin is not None
        key = str(next(self._keys))
        command = {"do": verb, "as": key, **arguments}
        await self._process.stdin.send(json.dumps(command).encode() + b"\n")
        return key

    async def answer(self, key: str, seconds: float = ANSWER_SECONDS) -> Mapping[str, Any]:
        """The answer to a command: {"ok": ...}, {"error": ...} or {"cancelled": True}."""
        with anyio.fail_after(seconds):
            while key not in self._answers:
                await self._changed.wait()
        return self._answers.pop(key)

    async def do(self, verb: str, seconds: float = ANSWER_SECONDS, **arguments: Any) -> Any:
        """Give a command and wait for its value."""
        answer = await self.answer(await self.begin(verb, **arguments), seconds)
        assert "ok" in answer, answer
        return answer["ok"]

    async def hear(self, seconds: float = ANSWER_SECONDS, **wanted: Any) -> Mapping[str, Any]:
        """Wait until the process says something with these members; it is then forgotten."""
        with anyio.fail_after(seconds):
            while True:
                for said in self.said:
                    if all(said.get(name) == value for name, value in wanted.items()):
                        self.said.remove(said)
                        return said
                await self._changed.wait()


@asynccontextmanager
async def sdk_client(mode: str, url: str, token: str) -> AsyncIterator[SdkClient]:
    """The official SDK connected to `url`; `mode` is "legacy", "auto" (modern) or "sse"."""
    command = [sys.executable, str(SDK_CLIENT), mode, url]
    environ = {**os.environ, "MCP_TEST_TOKEN": token}
    async with await anyio.open_process(command, env=environ, stderr=None) as process:
        client = SdkClient(process)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.run)
            try:
                with anyio.fail_after(START_SECONDS):
                    while not any("connected" in said for said in client.said):
                        if process.returncode is not None:
                            raise RuntimeError("The client ended before it connected.")
                        await client._changed.wait()
                yield client
            finally:
                assert process.stdin is not None
                await process.stdin.aclose()
                with anyio.move_on_after(10, shield=True):
                    await process.wait()
                tasks.cancel_scope.cancel()
