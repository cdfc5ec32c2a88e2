# SPDX-License-Identifier: BSD-3-Clause
"""What a person has agreed to start: the same definition once, a changed one again (T32)."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter._util.text import MAX_PAGE_CHARS
from mcp_jupyter.client.config.servers_json import ServerEntry, load_servers
from mcp_jupyter.client.config.trust import (
    MAX_CONSENTS,
    Consent,
    ConsentNeeded,
    default_path,
    require_consent,
)
from mcp_jupyter.errors import ConfigError
from mcp_jupyter.protocol.limits import MAX_PRIVATE_FILE_BYTES
from tests.conftest import JupyterDirs

GIT = {"command": "uvx", "args": ["server-git", "--repository", "."], "env": {"A": "1"}}
WEB = {"type": "http", "url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}}


def entry(folder: Path, members: dict[str, Any], name: str = "git") -> ServerEntry:
    """An entry of a project's file."""
    folder.mkdir(exist_ok=True)
    path = folder / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": {name: members}}))
    return load_servers(path)[name]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "mcp_jupyter" / "consents.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.mark.parametrize("members", [GIT, WEB])
def test_consent_is_given_once(members: dict[str, Any], project: Path, file: Path) -> None:
    consent = Consent.of(entry(project, members), file)
    assert not consent.is_known()
    consent.remember()
    consent.remember()
    assert Consent.of(entry(project, members), file).is_known()
    assert len(json.loads(file.read_text())["digests"]) == 1


@pytest.mark.parametrize(
    ("members", "change"),
    [
        (GIT, {"command": "/tmp/uvx"}),
        (GIT, {"args": ["server-git", "--repository", "/"]}),
        (GIT, {"args": ["server-git --repository ."]}),
        (GIT, {"env": {"A": "2"}}),
        (GIT, {"env": {"A": "1", "B": ""}}),
        (GIT, {"env": {}}),
        (GIT, {"envFile": ".env"}),
        (GIT, {"cwd": ".."}),
        (WEB, {"url": "https://evil.example/mcp"}),
        (WEB, {"type": "sse"}),
        (WEB, {"headers": {"Authorization": "Bearer ${GITHUB_TOKEN}"}}),
    ],
)
def test_a_change_of_what_runs_asks_again(
    members: dict[str, Any], change: dict[str, Any], project: Path, file: Path
) -> None:
    Consent.of(entry(project, members), file).remember()
    assert not Consent.of(entry(project, members | change), file).is_known()
    assert Consent.of(entry(project, members), file).is_known(), "changed back, it is what was agreed to"


def test_another_project_asks_for_itself(tmp_path: Path, project: Path, file: Path) -> None:
    Consent.of(entry(project, GIT), file).remember()
    assert not Consent.of(entry(tmp_path / "other", GIT), file).is_known()


def test_what_does_not_decide_what_runs_asks_nothing(project: Path, file: Path) -> None:
    Consent.of(entry(project, GIT), file).remember()
    reordered = {"gallery": True, **dict(reversed(GIT.items()))}
    assert Consent.of(entry(project, reordered, name="renamed"), file).is_known()


def test_it_is_kept_with_jupyters_data_for_this_user_alone(jupyter_dirs: JupyterDirs, project: Path) -> None:
    before = os.umask(0)
    try:
        Consent.of(entry(project, GIT)).remember()
    finally:
        os.umask(before)
    path = default_path()
    assert path == jupyter_dirs.data / "mcp_jupyter" / "consents.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [*path.parent.iterdir()] == [path]


def test_of_consents_given_at_the_same_moment_none_is_lost(project: Path, file: Path) -> None:
    consents = [Consent.of(entry(project, {**GIT, "args": [str(number)]}), file) for number in range(8)]
    start = threading.Barrier(8)

    def remember(consent: Consent) -> None:
        start.wait(10)
        consent.remember()

    threads = [threading.Thread(target=remember, args=(consent,)) for consent in consents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(consent.is_known() for consent in consents)


def test_the_oldest_go_first(project: Path, file: Path) -> None:
    first = Consent.of(entry(project, GIT), file)
    first.remember()
    many = [f"{number:064x}" for number in range(MAX_CONSENTS)]
    file.write_text(json.dumps({"version": 1, "digests": [first.digest, *many[1:]]}))
    new = Consent.of(entry(project, WEB), file)
    new.remember()
    assert (first.is_known(), new.is_known()) == (False, True)
    assert len(json.loads(file.read_text())["digests"]) == MAX_CONSENTS


# -- the file is hostile ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b'{"version": 1}',
        b'{"version": 2, "digests": []}',
        b'{"version": 1, "digests": {}}',
        b'{"version": 1, "digests": ["x"]}',
        b'{"version": 1, "digests": [1]}',
        b'{"version": 1, "digests": ["' + b"0" * 64 + b'\\n"]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version": 1, "digests": [' + b" " * MAX_PRIVATE_FILE_BYTES + b"]}",
    ],
)
def test_a_damaged_file_is_refused(content: bytes, project: Path, file: Path) -> None:
    consent = Consent.of(entry(project, GIT), file)
    consent.remember()
    file.write_bytes(content)
    for use in (consent.is_known, consent.remember):
        with pytest.raises(ConfigError, match="Remove it"):
            use()
    assert file.read_bytes() == content


@pytest.mark.parametrize("mode", [0o666, 0o660, 0o644, 0o602])
def test_what_others_may_have_written_counts_for_nothing(mode: int, project: Path, file: Path) -> None:
    consent = Consent.of(entry(project, GIT), file)
    consent.remember()
    file.chmod(mode)
    with pytest.raises(ConfigError, match="open to other users"):
        consent.is_known()


def test_a_link_or_a_pipe_is_not_read(project: Path, file: Path) -> None:
    consent = Consent.of(entry(project, GIT), file)
    consent.remember()
    target = file.rename(file.with_name("elsewhere"))
    file.symlink_to(target)
    with pytest.raises(ConfigError, match="not a plain file"):
        consent.is_known()
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(ConfigError, match="not a plain file"):
        consent.is_known()


# -- what the person sees --------------------------------------------------------------------------


def test_the_summary_says_what_runs_with_each_value(project: Path) -> None:
    """A command is harmless or not by its variables, a request by its headers (1.30)."""
    members = GIT | {"env": {"TZ": "${GITHUB_TOKEN}", "NOTE": "a b"}, "cwd": "sub", "args": ["a b", "", "c"]}
    summary = Consent.of(entry(project, members)).summary
    assert summary == 'uvx "a b" "" c, in sub, with TZ=${GITHUB_TOKEN}, NOTE="a b" set'
    summary = Consent.of(entry(project, WEB)).summary
    assert summary == 'https://example.com/mcp, with Authorization: "Bearer ${TOKEN}" sent'


def test_the_users_own_variables_are_named_with_where_they_go(project: Path) -> None:
    """Each, and in each place that an entry has (1.30)."""
    members = {
        "command": "${HOME}/bin/server",
        "args": ["--key", "${env:AWS_SECRET_ACCESS_KEY}", "${workspaceFolder}/${A:-b}"],
        "env": {"TZ": "${GITHUB_TOKEN}${TOKEN}"},
        "cwd": "${PLACE}",
        "envFile": "${NAME}.env",
    }
    assert Consent.of(entry(project, members)).variables == (
        "HOME in the command, PLACE in the folder, NAME in the name of the envFile, "
        "AWS_SECRET_ACCESS_KEY in argument 2, A in argument 3, GITHUB_TOKEN in the variable TZ, "
        "TOKEN in the variable TZ"
    )
    members = {"url": "https://a.example/${TOKEN}", "headers": {"X-Trace": "${AWS_SECRET_ACCESS_KEY}"}}
    assert Consent.of(entry(project, members)).variables == (
        "TOKEN in the URL, AWS_SECRET_ACCESS_KEY in the header X-Trace"
    )
    assert Consent.of(entry(project, GIT)).variables == ""


def test_what_needs_consent_is_refused_until_it_is_given(jupyter_dirs: JupyterDirs, project: Path) -> None:
    """The refusal shows all there is to agree to (1.30)."""
    web = entry(project, WEB)
    with pytest.raises(ConsentNeeded) as caught:
        require_consent(web, is_trusted=False)
    assert str(caught.value) == (
        f"{web.place} came with a project, and would connect to: https://example.com/mcp, with "
        'Authorization: "Bearer ${TOKEN}" sent. It is given variables of yours: TOKEN in the header '
        "Authorization. If that is what you want, add --trust. You are asked again when the entry changes."
    )
    require_consent(web, is_trusted=True)
    require_consent(web, is_trusted=False)
    own = load_servers({"mcpServers": {"web": WEB}})["web"]
    require_consent(own, is_trusted=False)


@pytest.mark.parametrize("poison", ["\x1b[2K", "\u202e", "\u200b", "\n", "\t", "\U000e0041"])
def test_the_summary_hides_nothing(poison: str, project: Path) -> None:
    members = {"command": "safe", "args": [f"x{poison}y"], "env": {f"A{poison}": ""}}
    summary = Consent.of(entry(project, members)).summary
    assert poison not in summary
    assert "\\" in summary


def test_what_is_cut_is_said_to_be(project: Path) -> None:
    members = {"command": "safe", "args": ["a" * MAX_PAGE_CHARS, "--evil"]}
    assert Consent.of(entry(project, members)).summary.endswith("characters more: read the file)")
