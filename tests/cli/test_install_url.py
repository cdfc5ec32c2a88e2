# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp install --http` and `--project`: where a token goes, and where none does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_jupyter.client.config.host_entries import entries_of_host
from mcp_jupyter.client.config.hosts import HOSTS
from mcp_jupyter.client.config.servers_json import HttpServerParameters
from mcp_jupyter.extension.tokens import TokenStore
from mcp_jupyter.kernel.http import serve_kernel_http
from tests.conftest import JupyterDirs
from tests.extension.support import KERNEL_ID, NAME, make_notebook, serve_notebook

from .support import files, run

pytestmark = pytest.mark.anyio

ALL = ("--tool", "*", "--resource", "*")


@pytest.mark.parametrize("host", [host.key for host in HOSTS.values() if host.opens_urls])
async def test_a_host_gets_a_url_and_a_token_of_its_own(
    jupyter_dirs: JupyterDirs, home: Path, jupyter_url: str, host: str
) -> None:
    """The token is in the user's own file, which nobody else can read, and nowhere else (2: installing)."""
    path = HOSTS[host].locate()
    notebook = jupyter_dirs.notebooks / "report.ipynb"
    notebook.write_text("{}")
    async with serve_notebook(path=str(notebook)):
        assert (await run(jupyter_dirs, "install", NAME, "--host", host)).returncode == 0
        path.chmod(0o644)
        ended = await run(jupyter_dirs, "install", NAME, "--host", host, "--http", *ALL)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.decode()
    server = entries_of_host(host, home)[NAME].server()
    assert isinstance(server, HttpServerParameters)
    assert server.url == f"{jupyter_url}{NAME}"
    secret = server.headers["Authorization"].removeprefix("Bearer ")
    token = TokenStore().verify(secret)
    assert (token.opened, token.tools, token.prompts) == ((str(notebook),), ("*",), ())
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Only you can read the file from now on" in said
    assert f"jupyter mcp token revoke {token.id}" in said
    assert secret not in said + ended.stderr.decode()


async def test_a_token_does_not_go_into_a_repository(
    jupyter_dirs: JupyterDirs, home: Path, jupyter_url: str
) -> None:
    """Where the user's own file is a link to one of their dotfiles (2: installing)."""
    path, dotfiles = HOSTS["cursor"].locate(), home / "dotfiles"
    (dotfiles / ".git").mkdir(parents=True)
    (dotfiles / "mcp.json").write_text("{}")
    path.symlink_to(dotfiles / "mcp.json")
    notebook = jupyter_dirs.notebooks / "report.ipynb"
    notebook.write_text("{}")
    async with serve_notebook(path=str(notebook)):
        ended = await run(jupyter_dirs, "install", NAME, "--host", "cursor", "--http", *ALL)
        assert ended.returncode == 1
        assert f"leads into the repository {dotfiles}" in ended.stderr.decode()
        assert (dotfiles / "mcp.json").read_text() == "{}"
        assert [token.revoked is not None for token in TokenStore().tokens()] == [True]
        assert (await run(jupyter_dirs, "install", NAME, "--host", "cursor")).returncode == 0


async def test_a_notebook_that_serves_http_itself_has_its_own_token(
    jupyter_dirs: JupyterDirs, home: Path
) -> None:
    """After `%mcp_serve --http`, without a Jupyter Server (2: installing)."""
    server = make_notebook()
    async with (
        serve_notebook(server=server),
        serve_kernel_http(server, KERNEL_ID, 0, jupyter_dirs.runtime) as address,
    ):
        ended = await run(jupyter_dirs, "install", NAME, "--host", "codex", "--http")
        assert ended.returncode == 0, ended.stderr
        found = entries_of_host("codex", home)[NAME].server()
        assert isinstance(found, HttpServerParameters)
        assert (found.url, found.headers) == (address.url, {"Authorization": f"Bearer {address.token}"})
        assert address.token.encode() not in ended.stdout + ended.stderr
        shown = await run(jupyter_dirs, "install", NAME, "--host", "codex", "--http", "--print")
    assert address.token.encode() not in shown.stdout
    assert HOSTS["codex"].locate().stat().st_mode & 0o777 == 0o600


async def test_a_token_that_nobody_got_is_ended(
    jupyter_dirs: JupyterDirs, home: Path, jupyter_url: str
) -> None:
    """The file could not be changed (2: installing)."""
    HOSTS["cursor"].locate().write_text("no JSON")
    notebook = jupyter_dirs.notebooks / "report.ipynb"
    notebook.write_text("{}")
    async with serve_notebook(path=str(notebook)):
        ended = await run(jupyter_dirs, "install", NAME, "--host", "cursor", "--http", *ALL)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"was left as it is" in ended.stderr
    assert [token.revoked is not None for token in TokenStore().tokens()] == [True]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--host", "cursor", *ALL), "No running Jupyter Server says here"),
        (("--host", "claude-desktop", *ALL), "Claude Desktop opens no URL"),
        (("--host", "cursor", "--project", *ALL), "shared and gets no token"),
    ],
)
async def test_a_token_goes_nowhere_else(
    jupyter_dirs: JupyterDirs, home: Path, args: tuple[str, ...], words: str
) -> None:
    """Neither into a project's file, nor where no host would read it (2: installing)."""
    async with serve_notebook():
        ended = await run(jupyter_dirs, "install", NAME, "--http", *args)
    assert ended.returncode in (1, 2)
    assert words in ended.stderr.decode()
    assert TokenStore().tokens() == []
    assert files(home, jupyter_dirs) == []


async def test_a_projects_file_names_no_path_of_this_machine(
    jupyter_dirs: JupyterDirs, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shared: the program is looked up on PATH (2: installing)."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    async with serve_notebook():
        ended = await run(jupyter_dirs, "install", NAME, "--host", "vscode", "--project")
    assert ended.returncode == 0, ended.stderr
    held = json.loads((folder / ".vscode" / "mcp.json").read_text())
    assert held == {"servers": {NAME: {"type": "stdio", "command": "jupyter-mcp", "args": ["attach", NAME]}}}
    assert files(home, jupyter_dirs) == []
