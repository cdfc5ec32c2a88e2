# SPDX-License-Identifier: BSD-3-Clause
"""Which notebooks a token of the command line opens, who made it, and for how long."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcp_jupyter.cli.new_token import server_user
from mcp_jupyter.cli.tokens import command
from mcp_jupyter.extension.tokens import BoundNotebook, Token, TokenStore
from mcp_jupyter.ipc.names import RememberedNames, names_of_file
from mcp_jupyter.ipc.rendezvous import announce, callback_under, withdraw
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, serve_notebook

from .support import run

pytestmark = pytest.mark.anyio

ALL = ("--tool", "*")


@pytest.fixture
def notebook(jupyter_dirs: JupyterDirs) -> str:
    path = Path(os.path.realpath(jupyter_dirs.notebooks)) / "private" / "sales.ipynb"
    path.parent.mkdir()
    path.touch()
    return str(path)


def only_token() -> Token:
    (token,) = TokenStore().tokens()
    return token


async def test_a_live_notebook_is_named_by_its_path(jupyter_dirs: JupyterDirs, notebook: str) -> None:
    """`token list` shows the path, with the root of the Jupyter Server that has it (1.2)."""
    root = os.path.realpath(jupyter_dirs.notebooks)
    server = jupyter_dirs.runtime / "jpserver-4711.json"
    server.write_text(json.dumps({"root_dir": str(jupyter_dirs.notebooks), "pid": 4711}))
    server.chmod(0o600)
    async with serve_notebook(path=notebook):
        made = await run(jupyter_dirs, "token", "create", NAME, *ALL)
    assert made.returncode == 0, made.stderr
    token = only_token()
    assert (token.notebooks, token.servers) == ((BoundNotebook(path=notebook, root=root),), ())
    assert b"It opens private/sales.ipynb (in " in made.stderr
    listed = (await run(jupyter_dirs, "token", "list")).stdout.decode()
    assert f"private/sales.ipynb (in {root})" in listed


async def test_a_notebook_is_named_by_a_path(jupyter_dirs: JupyterDirs, notebook: str) -> None:
    """It need not be live; the URL has the name that it will get (1.2)."""
    announce(callback_under("http://localhost:8899/"), jupyter_dirs.runtime)
    link = Path(notebook).parents[1] / "link.ipynb"
    link.symlink_to(notebook)
    RememberedNames().remember("sales", str(Path(notebook).parent))  # another's
    try:
        made = await run(jupyter_dirs, "token", "create", str(link), *ALL)
    finally:
        withdraw(jupyter_dirs.runtime)
    assert made.returncode == 0, made.stderr
    assert only_token().notebooks == (BoundNotebook(path=notebook),)
    assert b"URL:    http://localhost:8899/mcp-jupyter/sales-" in made.stdout
    assert f"Note: No live notebook is at {notebook} now." in made.stderr.decode()


async def test_a_notebook_whose_names_others_have_is_to_be_started_first(
    jupyter_dirs: JupyterDirs, notebook: str
) -> None:
    names = names_of_file("sales", notebook)
    for name in names:
        RememberedNames().remember(name, str(Path(notebook).parent))
    ended = await run(jupyter_dirs, "token", "create", notebook, *ALL)
    assert (ended.returncode, ended.stdout) == (1, b"")
    error = " ".join(ended.stderr.decode().split())
    assert error.startswith(f"Error: The name that {notebook} will get is not known: other notebooks have ")
    assert all(name in error for name in names)
    assert TokenStore().tokens() == []


@pytest.mark.parametrize(("live", "words"), [(False, "No live notebook is named"), (True, "know its path")])
async def test_a_name_without_a_path_must_be_meant(jupyter_dirs: JupyterDirs, live: bool, words: str) -> None:
    """Without a path, the user must say that any notebook of the name is meant (1.2)."""
    async with serve_notebook(NAME if live else "other"):
        ended = await run(jupyter_dirs, "token", "create", NAME, *ALL)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert words in ended.stderr.decode()
    assert b"--any-notebook-of-this-name" in ended.stderr
    assert TokenStore().tokens() == []


async def test_a_file_that_is_not_there_is_said(jupyter_dirs: JupyterDirs) -> None:
    ended = await run(jupyter_dirs, "token", "create", "nowhere/sales.ipynb", *ALL)
    assert (ended.returncode, ended.stderr) == (1, b"Error: File not found: nowhere/sales.ipynb.\n")


async def test_names_and_patterns_open_by_name(jupyter_dirs: JupyterDirs) -> None:
    assert (await run(jupyter_dirs, "token", "create", "team-*", *ALL)).returncode == 0
    assert only_token().servers == ("team-*",)
    named = await run(jupyter_dirs, "token", "create", "売上", "--any-notebook-of-this-name", *ALL)
    assert "It opens any notebook named 売上" in named.stderr.decode()


async def test_a_token_is_moved_when_its_notebook_was_renamed_elsewhere(
    jupyter_dirs: JupyterDirs, notebook: str
) -> None:
    """`jupyter mcp token move OLD NEW` is for renames outside of Jupyter (1.2)."""
    await run(jupyter_dirs, "token", "create", notebook, *ALL)
    new = str(Path(notebook).with_name("2026.ipynb"))
    early = await run(jupyter_dirs, "token", "move", notebook, new)
    assert (early.returncode, early.stderr.decode()) == (1, f"Error: File not found: {new}.\n")
    os.rename(notebook, new)
    moved = await run(jupyter_dirs, "token", "move", notebook, new)
    assert moved.stdout.decode() == f"Token {only_token().id} opens {new}.\n"
    assert only_token().notebooks == (BoundNotebook(path=new),)
    again = await run(jupyter_dirs, "token", "move", notebook, new)
    assert again.returncode == 1
    assert b"No token names a notebook at" in again.stderr


# -- who and how long ------------------------------------------------------------------------------


def make(*args: str) -> Token:
    """Make a token within this process."""
    result = CliRunner().invoke(command, ["create", "team-*", *ALL, *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return TokenStore().tokens()[-1]


def test_a_user_without_an_entry_in_passwd_makes_tokens(
    jupyter_dirs: JupyterDirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on OpenShift: the issuer is the uid (1.39)."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "JUPYTERHUB_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_000_680_000)
    assert make().issuer == "1000680000"


def test_under_a_hub_the_issuer_is_the_servers_user(
    jupyter_dirs: JupyterDirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In hub images everybody is "jovyan" (1.39)."""
    monkeypatch.setenv("USER", "jovyan")
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")
    assert make().issuer == server_user() == "ann"


@pytest.mark.parametrize("name", ["jupyter_server_config", "jupyter_mcp_jupyter_config"])
def test_a_token_is_good_as_long_as_the_server_says(jupyter_dirs: JupyterDirs, name: str) -> None:
    """The command line keeps to the trait `token_days` (1.39)."""
    assert (make().expires - make().created).days in (29, 30)  # type: ignore[operator]
    config = {"McpJupyterApp": {"token_days": 2}}
    (jupyter_dirs.config / f"{name}.json").write_text(json.dumps(config))
    token = make()
    assert token.expires is not None
    assert (token.expires - token.created).days == 2
    longer = make("--days", "5")
    assert longer.expires is not None
    assert (longer.expires - longer.created).days == 5


def test_a_number_of_days_that_is_none_is_said(jupyter_dirs: JupyterDirs) -> None:
    config = {"McpJupyterApp": {"token_days": -1}}
    (jupyter_dirs.config / "jupyter_server_config.json").write_text(json.dumps(config))
    result = CliRunner().invoke(command, ["create", "team-*", *ALL])
    assert result.exit_code == 1
    assert "McpJupyterApp.token_days is -1" in result.output
