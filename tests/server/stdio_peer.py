# SPDX-License-Identifier: BSD-3-Clause
"""`stdio_server.py` as a process, and what is said to it in lines."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("stdio_server.py")
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
LIMIT_SECONDS = 30


class Peer:
    """A server's process, and what is said to it."""

    def __init__(self, *args: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._end = threading.Timer(LIMIT_SECONDS, self.process.kill)
        self._end.start()

    def write(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def say(self, method: str, params: Any = None, id: Any = None) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        self.write(json.dumps(message if id is None else {**message, "id": id}).encode() + b"\n")

    def call(self, id: Any, name: str, **arguments: Any) -> None:
        self.say("tools/call", {"name": name, "arguments": arguments}, id)

    def open(self) -> None:
        self.say("initialize", HELLO, "hello")
        assert self.read()["id"] == "hello"
        self.say("notifications/initialized")

    def read(self) -> Any:
        line = self.process.stdout.readline()
        assert line, f"the process ended: {self.process.stderr.read().decode()}"
        return json.loads(line)

    def result(self, id: Any) -> Any:
        """The answer to a request; other messages are passed over."""
        while (message := self.read()).get("id") != id:
            pass
        return message["result"]

    def text(self, id: Any) -> str:
        return self.result(id)["content"][0]["text"]

    def leave(self) -> tuple[str, str]:
        """Close stdin; give what was left on stdout, and stderr."""
        rest, errors = self.process.communicate()
        return rest.decode(), errors.decode()

    def stop(self) -> None:
        self._end.cancel()
        self.process.kill()
        self.process.communicate()


def wait_for(file: Path, line: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while line not in (file.read_text() if file.exists() else ""):
        assert time.monotonic() < deadline, f"{line!r} is not noted"
        time.sleep(0.005)
