# SPDX-License-Identifier: BSD-3-Clause
"""The client scenarios of the conformance suite, one at a time.

The suite's own mode for all of them starts all clients at once, and lets a client's exit code, its time-out
and a scenario without checks pass; so each runs alone here, and all of that counts.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from .conftest import Suite, checks_of

CLIENT = Path(__file__).with_name("client.py")

SCENARIO_SECONDS = 60.0
"""Of one scenario; the longest waits for three tokens."""

VERSIONS = ("2025-11-25", "2026-07-28")

PROTOCOL = {
    "2025-11-25": ["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"],
    "2026-07-28": [
        "tools_call",
        "request-metadata",
        "sep-2322-client-request-state",
        "http-standard-headers",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
    ],
}
"""What the two versions require of a client, but for authorization. A test compares."""

NOT_SCORED = [(version, "json-schema-2020-12-preservation") for version in VERSIONS]
OLDER = [("2025-06-18", "initialize"), ("2025-06-18", "tools_call")]
UNDECLARED = [
    f"sep-2640-client-{what}"
    for what in ("no-prefetch", "verify-digest", "verify-size", "verify-frontmatter")
]
"""Of the skills extension (SEP-2640), which no version includes and our client does not know."""


def passes(
    suite: Suite,
    version: str,
    scenario: str,
    out: Path,
    *,
    client: Sequence[str] = (sys.executable, str(CLIENT)),
    may_fail: bool = False,
    options: Sequence[str] = (),
) -> None:
    """Run one scenario; `may_fail` allows an exit code of the client's, where it is told to give up.

    `options` are the suite's.
    """
    command = shlex.join(client)
    milliseconds = str(int(SCENARIO_SECONDS * 1000))
    done = suite.run(
        *("client", "--command", command, "--scenario", scenario, "--spec-version", version),
        *("--timeout", milliseconds, "-o", str(out), *options),
        timeout=SCENARIO_SECONDS + 30,
    )
    said = done.stdout + done.stderr
    checks = checks_of(out)
    assert [check for check in checks if check["status"] in ("FAILURE", "WARNING")] == [], said
    assert "SUCCESS" in {check["status"] for check in checks}, said
    assert "timed out" not in said, said
    assert may_fail or "Client exited with code" not in said, said
    assert done.returncode == 0, said


@pytest.mark.parametrize("version", VERSIONS)
def test_no_required_scenario_is_left_out(suite: Suite, version: str) -> None:
    listed = suite.run("list", "--requirements", version, timeout=30).stdout
    required = listed.split("Client scenarios")[1].split("Run and reported")[0].splitlines()
    names = [line.strip().removeprefix("- ").split()[0] for line in required if line.startswith("  - ")]
    assert len(names) >= 18
    assert sorted(name for name in names if not name.startswith("auth/")) == sorted(PROTOCOL[version])


@pytest.mark.parametrize(
    ("version", "scenario"), [(v, name) for v in VERSIONS for name in PROTOCOL[v]] + NOT_SCORED + OLDER
)
def test_the_client_passes(suite: Suite, version: str, scenario: str, tmp_path: Path) -> None:
    passes(suite, version, scenario, tmp_path)


@pytest.mark.parametrize("scenario", UNDECLARED)
def test_a_client_that_does_not_know_an_extension_uses_nothing_of_it(
    suite: Suite, scenario: str, tmp_path: Path
) -> None:
    command = shlex.join([sys.executable, str(CLIENT)])
    options = ("--scenario", scenario, "--spec-version", VERSIONS[-1], "--force", "-o", str(tmp_path))
    done = suite.run("client", "--command", command, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [check["status"] for check in checks_of(tmp_path)] == ["SKIPPED"]


@pytest.mark.parametrize("scenario", ["http-standard-headers", "tools_call"])
def test_a_client_that_does_nothing_does_not_pass(suite: Suite, scenario: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        passes(suite, "2026-07-28", scenario, tmp_path, client=["true"])


def test_a_client_that_fails_at_the_end_does_not_pass(suite: Suite, tmp_path: Path) -> None:
    script = f"{shlex.join([sys.executable, str(CLIENT)])} $0; exit 3"
    with pytest.raises(AssertionError, match="Client exited with code 3"):
        passes(suite, "2026-07-28", "http-standard-headers", tmp_path, client=["sh", "-c", script])
