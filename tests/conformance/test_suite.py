# SPDX-License-Identifier: BSD-3-Clause
"""The suite is the one we mean, and it can fail."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from . import test_client, test_client_auth
from .conftest import Suite, checks_of
from .scenarios import NOT_OURS, SCENARIOS, UNDECLARED


def test_the_suite_knows_the_frozen_requirements(suite: Suite) -> None:
    listed = suite.run("list", "--requirements", "2026-07-28")
    assert listed.returncode == 0, listed.stderr
    assert "server-stateless" in listed.stdout
    assert "request-metadata" in listed.stdout


def test_every_scenario_the_suite_has_is_run(suite: Suite) -> None:
    listed = set(re.findall(r"^  - (\S+)", suite.run("list").stdout, re.MULTILINE))
    servers = {name for names in SCENARIOS.values() for name in names}
    clients = {name for names in test_client.PROTOCOL.values() for name in names}
    more = {name for _, name in (*test_client.NOT_SCORED, *test_client.OLDER)}
    required = (name for names in test_client_auth.REQUIRED.values() for name in names)
    older = (name for _, name in test_client_auth.OLDER)
    signing_in = {f"auth/{name}" for name in (*required, *older, *test_client_auth.NOT_SCORED)}
    ours = servers | clients | more | signing_in | {*UNDECLARED, *test_client.UNDECLARED}
    assert listed == ours | NOT_OURS


def test_node_is_a_binary_of_the_needed_version(suite: Suite) -> None:
    version = subprocess.run([suite.node, "--version"], capture_output=True, text=True, timeout=20)
    assert version.stdout.startswith("v24.")


def test_a_server_that_is_not_there_fails(suite: Suite, tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/mcp"  # the discard port: nobody listens
    done = suite.run("server", "--url", url, "--scenario", "ping", "-o", str(tmp_path))
    assert done.returncode != 0
    assert "FAILURE" in {check["status"] for check in checks_of(tmp_path)}


def test_a_run_that_hangs_is_ended(suite: Suite) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        suite.run("client", "--command", "sleep 60 #", "--scenario", "initialize", timeout=3)
