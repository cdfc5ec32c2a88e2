# SPDX-License-Identifier: BSD-3-Clause
"""A real kernel with a driver in it (`driver.py`), as tests see it: cells on one side, calls on the other."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.conftest import JupyterDirs

BOUND = 20.0
"""Seconds any one fact may take to come about."""


class Pending:
    """A call, or another request to the driver, on its way."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.reports: list[str] = []
        self.logs: list[tuple[str, str]] = []
        self.beats: list[tuple[float, str]] = []
        self.failed_after: str | None = None
        self.reported = threading.Event()
        self._beaten = threading.Condition()
        self._ended = threading.Event()
        self._reply: dict[str, Any] = {}

    def take(self, reply: dict[str, Any]) -> None:
        if "report" in reply:
            self.reports.append(reply["report"])
            self.reported.set()
        elif "log" in reply:
            self.logs.append((reply["log"][0], reply["log"][1]))
        elif "running" in reply:
            with self._beaten:
                self.beats.append((reply["running"][0], reply["running"][1]))
                self._beaten.notify_all()
        elif "failed_after" in reply:
            self.failed_after = reply["failed_after"]
        else:
            self._reply = reply
            self._ended.set()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def value(self, bound: float = BOUND) -> Any:
        reply = self._wait(bound)
        assert "error" not in reply, reply
        return reply["done"]

    def error(self, bound: float = BOUND) -> tuple[str, str]:
        """The type's name, and the text."""
        reply = self._wait(bound)
        assert "error" in reply, reply
        return reply["error"], reply["message"]

    def wait_for_beats(self, number: int, bound: float = BOUND) -> None:
        """Wait until it has said so often that it runs."""
        with self._beaten:
            assert self._beaten.wait_for(lambda: len(self.beats) >= number, bound), self.beats

    def printed(self) -> str:
        """What the outcome has of its prints."""
        self.value()
        return str(self._reply["printed"])

    def displayed(self) -> list[dict[str, Any]]:
        self.value()
        displayed: list[dict[str, Any]] = self._reply["displayed"]
        return displayed

    def _wait(self, bound: float) -> dict[str, Any]:
        assert self._ended.wait(bound), f"no answer within {bound} s"
        return self._reply


class Cell:
    """A cell that was sent, and its messages as far as they have been read."""

    def __init__(self, read: Callable[[float], None]) -> None:
        self._read = read
        self.messages: list[tuple[str, dict[str, Any]]] = []

    @property
    def ended(self) -> bool:
        return ("status", {"execution_state": "idle"}) in self.messages

    def wait(self) -> Cell:
        """Wait until it has ended."""
        return self._read_until(lambda: self.ended)

    def wait_for(self, kind: str) -> dict[str, Any]:
        """Wait for its first message of this kind."""
        self._read_until(lambda: bool(self.of(kind)))
        return self.of(kind)[0]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [content for each, content in self.messages if each == kind]

    @property
    def printed(self) -> str:
        return "".join(content["text"] for content in self.of("stream"))

    @property
    def error(self) -> str | None:
        errors = self.of("error")
        return errors[0]["ename"] if errors else None

    @property
    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.messages}

    def _read_until(self, fact: Callable[[], bool]) -> Cell:
        end = time.monotonic() + BOUND
        while not fact():
            left = end - time.monotonic()
            assert left > 0, f"the cell did not get there: {self.messages}"
            self._read(left)
        return self


class DrivenKernel:
    """Cells go through a kernel client, calls through the driver's socket."""

    def __init__(self, manager: KernelManager, address: Path) -> None:
        self._manager = manager
        self._client: BlockingKernelClient = manager.client()
        self._cells: dict[str, Cell] = {}
        self._stray: list[tuple[str, dict[str, Any]]] = []
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX)
        self._requests: dict[int, Pending] = {}
        self._reader = threading.Thread(target=self._read_replies, name="driver-replies", daemon=True)

    def begin(self, prelude: str, loading: str) -> None:
        """Start the client, and the driver in the third cell."""
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        here = str(Path(__file__).parent)
        self.run(
            f"import asyncio, sys, threading, time\nsys.path.insert(0, {here!r})\nimport driver\n{prelude}"
        )
        self.run(loading.format(address=str(self._address)))
        self._socket.connect(str(self._address))
        self._reader.start()

    def end(self) -> None:
        if self._reader.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._reader.join(BOUND)
        self._socket.close()
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    # cells

    def send(self, code: str) -> Cell:
        """Send a cell; do not wait."""
        cell = Cell(self._read_message)
        self._cells[self._client.execute(code)] = cell
        return cell

    def run(self, code: str) -> Cell:
        """Run a cell that must succeed."""
        cell = self.send(code).wait()
        assert cell.error is None, cell.messages
        return cell

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the namespace; it has a JSON form."""
        return json.loads(self.run(f"import json; print(json.dumps({expression}))").printed)

    def reset(self) -> None:
        """Forget that something has started or was released."""
        self.run("driver.started.clear(); driver.released.clear()")

    def busy(self, code: str = "driver.hold()") -> Cell:
        """Start a cell that says when it has begun; `hold` lasts until `release`."""
        self.reset()
        cell = self.send(code)
        assert self.ask("started")
        return cell

    def uninvited(self, kind: str | None = None) -> list[str]:
        """What the notebook was sent outside of any cell: the texts; to be asked for after a cell."""
        texts = [
            content["text"] if each == "stream" else content["data"]["text/plain"]
            for each, content in self._stray
            if each == kind or (kind is None and each in ("stream", "display_data", "update_display_data"))
        ]
        self._stray.clear()
        return texts

    def release(self) -> None:
        self.ask("release")

    def interrupt(self) -> None:
        """The stop button."""
        self._manager.interrupt_kernel()

    def ends(self) -> bool:
        """Whether the kernel's process ends by itself."""
        end = time.monotonic() + BOUND
        while self._manager.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        return not self._manager.is_alive()

    def answer(self, text: str) -> None:
        """Answer a cell's `input()`, once it has asked."""
        self._client.get_stdin_msg(timeout=BOUND)
        self._client.input(text)

    # calls

    def call(
        self,
        name: str,
        *,
        concurrent: bool = False,
        always: bool = False,
        lookup: bool = False,
        sender: str = "",
        timeout: float | None = None,
        **arguments: Any,
    ) -> Pending:
        options: dict[str, Any] = {"concurrent": concurrent, "always": always, "timeout": timeout}
        options |= {"lookup": lookup, "sender": sender}
        return self._request("call", name=name, arguments=arguments, **options)

    def call_and_cancel(self, name: str, after: float, **arguments: Any) -> Pending:
        """Call, and have the engine cancel the call after so many seconds."""
        return self._request("call", name=name, arguments=arguments, cancel_after=after)

    def begin_call(self, name: str, **options: Any) -> Pending:
        """Call a function that says when it has begun (`driver.started.set()`), and wait until then."""
        self.reset()
        call = self.call(name, **options)
        assert self.ask("started")
        return call

    def cancel(self, call: Pending) -> None:
        self._request("cancel", call=call.number)

    def ask(self, op: str, **request: Any) -> Any:
        """Anything else of the driver."""
        return self._request(op, **request).value()

    def _request(self, op: str, **request: Any) -> Pending:
        number = len(self._requests)
        pending = self._requests[number] = Pending(number)
        self._socket.sendall(json.dumps({"id": number, "op": op, **request}).encode() + b"\n")
        return pending

    def _read_replies(self) -> None:
        with self._socket.makefile("rb") as lines:
            for line in lines:
                reply = json.loads(line)
                self._requests[reply["id"]].take(reply)

    def _read_message(self, bound: float) -> None:
        message = self._client.get_iopub_msg(timeout=bound)
        cell = self._cells.get(message["parent_header"].get("msg_id", ""))
        messages = self._stray if cell is None or cell.ended else cell.messages
        messages.append((message["msg_type"], message["content"]))


@contextmanager
def driven_kernel(
    dirs: JupyterDirs, prelude: str = "", loading: str = "runner = driver.start({address!r})"
) -> Iterator[DrivenKernel]:
    """A kernel of its own, with the driver started."""
    manager = KernelManager(connection_file=str(dirs.runtime / "kernel-driven.json"))
    assert manager.kernel_spec is not None
    manager.kernel_spec.argv[0] = sys.executable
    # ipykernel leaves the descriptors 1 and 2 alone when it finds itself under pytest.
    environ = {name: value for name, value in dirs.environ.items() if name != "PYTEST_CURRENT_TEST"}
    manager.start_kernel(env=environ)
    kernel = DrivenKernel(manager, dirs.runtime / "driver.sock")
    try:
        kernel.begin(prelude, loading)
        yield kernel
    finally:
        kernel.end()
