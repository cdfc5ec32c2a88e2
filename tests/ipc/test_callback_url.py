# SPDX-License-Identifier: BSD-3-Clause
"""Where the Jupyter Server that started a kernel takes answers: said in a file, believed when it can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_jupyter.ipc.rendezvous import (
    announce,
    announced,
    callback_under,
    is_callback_url,
    running_servers,
    withdraw,
)

URL = "http://localhost:8888/base/mcp-jupyter/api/oauth/callback"
STARTED = {"JPY_PARENT_PID": str(os.getpid())}


def test_a_kernel_finds_the_server_that_started_it(tmp_path: Path) -> None:
    announce(callback_under("http://localhost:8888/base/"), tmp_path)
    assert announced(tmp_path, STARTED) == URL
    withdraw(tmp_path)
    assert announced(tmp_path, STARTED) is None


@pytest.mark.parametrize("environ", [{}, {"JPY_PARENT_PID": "1"}, {"JPY_PARENT_PID": "../x"}])
def test_another_server_is_not_taken(environ: dict[str, str], tmp_path: Path) -> None:
    announce(URL, tmp_path)
    assert announced(tmp_path, environ) is None


def test_where_jupyter_says_no_process_the_parent_is_asked(tmp_path: Path) -> None:
    announce(URL, tmp_path)
    (file,) = tmp_path.iterdir()
    file.rename(file.with_name(f"mcp-callback-{os.getppid()}.url"))
    assert announced(tmp_path, {"JPY_PARENT_PID": "4711"}) == URL


def test_what_others_may_have_written_is_not_believed(tmp_path: Path) -> None:
    announce(URL, tmp_path)
    (file,) = tmp_path.iterdir()
    file.chmod(0o666)
    assert announced(tmp_path, STARTED) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/callback",
        "javascript:alert(1)",
        "http:///callback",
        "https://hub.example/",
        "https://hub.example/callback",
        URL + "?a=b",
        URL + "#a",
        URL + "/",
        URL + "\n",
        URL.replace("8888", "99999"),
        URL.replace("base", "ba se"),
        URL.replace("localhost", "hüb.example"),
        URL.replace("localhost", "ann:secret@localhost"),
        URL.replace("http", "ftp"),
        URL.replace("base", "a" * 3000),
    ],
)
def test_what_cannot_be_one_is_not_used(url: str, tmp_path: Path) -> None:
    assert not is_callback_url(url)
    announce("x", tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(url)
    assert announced(tmp_path, STARTED) is None


def test_which_jupyter_servers_run(tmp_path: Path) -> None:
    """The base URLs of servers whose process runs; files that are damaged or foreign count for nothing."""
    announce(URL, tmp_path)
    for name, content in (("0", URL), ("x", URL), (str(2**22 + 1), URL), (str(os.getppid()), "http://x/")):
        path = tmp_path / f"mcp-callback-{name}.url"
        path.write_text(content)
        path.chmod(0o600)
    assert running_servers(tmp_path) == {os.getpid(): URL.removesuffix("mcp-jupyter/api/oauth/callback")}
    withdraw(tmp_path)
    assert running_servers(tmp_path) == {}
