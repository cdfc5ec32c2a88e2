# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp hosts`: the table in words, and who is connected to live notebooks now."""

from __future__ import annotations

import pytest

from mcp_jupyter import types
from mcp_jupyter.cli.hosts import lines_of, profile_named
from mcp_jupyter.client.client import Client
from mcp_jupyter.client.config.hosts import HOSTS
from mcp_jupyter.ipc.attached_notebook import AttachedNotebook
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.server.host_profiles import DEFAULT, OWN, PROFILES
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, make_notebook, serve_notebook

from .support import run

pytestmark = pytest.mark.anyio


async def test_each_host_has_a_line_with_its_version_and_day(jupyter_dirs: JupyterDirs) -> None:
    """A user reads in one page what their host does (2: doctor)."""
    ended = await run(jupyter_dirs, "hosts")
    assert (ended.returncode, ended.stderr) == (0, b"")
    lines = ended.stdout.decode().splitlines()
    for profile in PROFILES.values():
        if profile is not OWN:
            (line,) = [line for line in lines if line.startswith(f"{profile.title}  ")]
            assert f"{profile.version}, {profile.measured}" in line
    assert any(line.startswith(DEFAULT.title) for line in lines)
    assert lines[-1] == "No notebook is live."


async def test_one_host_is_shown_in_full(jupyter_dirs: JupyterDirs) -> None:
    """By its key for `install`, its title or its client's name (2: doctor)."""
    for name in ("cline", "Cline CLI", "@cline/core"):
        said = (await run(jupyter_dirs, "hosts", name)).stdout.decode()
        assert "at most 7,500 characters; text only" in said
        assert "ends after 60 s" in said
    ended = await run(jupyter_dirs, "hosts", "emacs")
    assert ended.returncode == 2
    assert b"Unknown host 'emacs'. Use one of: claude-desktop," in ended.stderr


@pytest.mark.parametrize("key", [host.key for host in HOSTS.values() if host.client])
def test_each_host_that_is_known_has_a_profile(key: str) -> None:
    """The two tables have the same hosts (2: doctor)."""
    assert profile_named(key) is not DEFAULT
    assert all(line.split("  ", 1)[1].strip() for line in lines_of(profile_named(key)))


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_who_is_connected_is_shown(jupyter_dirs: JupyterDirs, era: str) -> None:
    """With version, time and notebook; a client's own words obey nothing (2: doctor)."""
    server = make_notebook()
    server._server.status = lambda: {"mcp-jupyter/notebook": {"clients": server.clients()}}
    async with serve_notebook(server=server) as listener:
        attached = AttachedNotebook(listener.info, Discovery())
        for name, shown in (
            ("codex-mcp-client", "Codex"),
            ("evil\x1b[31m\u202e" + "x" * 200, "evil⟨U+202E⟩xxx"),
        ):
            info = types.Implementation(name=name, version="1.2.3")
            async with Client(attached, era=era, client_info=info) as client:  # type: ignore[arg-type]
                await client.list_tools()
                lines = (await run(jupyter_dirs, "hosts")).stdout.decode().splitlines()
            (line,) = [line for line in lines if line.endswith(NAME)]
            assert line.startswith(shown)
            assert "1.2.3" in line
            assert len(line) < 220
        lines = (await run(jupyter_dirs, "hosts")).stdout.decode().splitlines()
        assert lines[-1] == "No host is connected to a live notebook now."
