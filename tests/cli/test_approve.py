# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp approve`, and what a notebook without a user may do (`run --allow`)."""

from __future__ import annotations

import json
import secrets

import pytest

from mcp_jupyter import Client
from mcp_jupyter.ipc.questions import APPROVALS
from tests.conftest import JupyterDirs
from tests.headless.conftest import write_notebook

from .support import JUPYTER_MCP, run

__all__ = ["write_notebook"]

pytestmark = pytest.mark.anyio

DIGEST = "d" * 64
ASKED = {
    "digest": DIGEST,
    "notebook": "quickstart",
    "path": "/notebooks/quickstart.ipynb",
    "host": "claude-code",
    "version": "2.1",
    "principal": "My Claude",
    "tool": "delete_region",
    "description": "Delete every sale of a region.\nFor ever.",
    "hints": {"destructiveHint": True},
    "cell": 14,
    "arguments": {"region": "west\x1b[2J", "why": "a\nb"},
    "before": {"region": "north"},
    "preview": "would remove 2 of 6 rows",
}


@pytest.fixture
def secret(jupyter_dirs: JupyterDirs) -> str:
    """The secret of a question that waits."""
    secret = secrets.token_urlsafe(32)
    jupyter_dirs.runtime.mkdir(parents=True, exist_ok=True)
    APPROVALS.ask(secret, 60, jupyter_dirs.runtime, json.dumps(ASKED).encode())
    return secret


def answered(secret: str, dirs: JupyterDirs) -> dict[str, str]:
    data = APPROVALS.collect(secret, dirs.runtime)
    assert data is not None
    return json.loads(data)


async def test_what_waits_is_shown_with_everything_that_is_needed_to_decide(jupyter_dirs, secret):
    """Also the difference to the last allowed call; nothing that a terminal obeys."""
    shown = await run(jupyter_dirs, "approve")
    out = shown.stdout.decode()
    assert "claude-code 2.1 (My Claude) wants to run delete_region" in out
    assert "/notebooks/quickstart.ipynb, cell [14]" in out
    assert "may delete or overwrite" in out
    assert "region = west   (was: north)" in out
    assert "would remove 2 of 6 rows" in out
    assert "\x1b" not in out
    assert shown.returncode == 1
    assert b"name a call and a decision" in shown.stderr
    assert APPROVALS.collect(secret, jupyter_dirs.runtime) is None


@pytest.mark.parametrize(
    ("decision", "options", "sent"),
    [
        ("once", [], {"decision": "once", "reason": ""}),
        ("until-changed", [], {"decision": "until_changed", "reason": ""}),
        ("deny", ["--reason", "Ask first."], {"decision": "deny", "reason": "Ask first."}),
    ],
)
async def test_a_call_is_decided_by_the_beginning_of_its_id(jupyter_dirs, secret, decision, options, sent):
    (waiting,) = APPROVALS.waiting(jupyter_dirs.runtime)
    done = await run(jupyter_dirs, "approve", waiting.id[:6], decision, *options)
    assert done.returncode == 0, done.stderr
    assert answered(secret, jupyter_dirs) == {**sent, "digest": DIGEST}
    again = await run(jupyter_dirs, "approve", waiting.id[:6], decision, *options)
    assert again.returncode == 1
    assert b"No call that waits has an id that begins with" in again.stderr


async def test_programs_get_what_waits_as_json(jupyter_dirs, secret):
    (shown,) = json.loads((await run(jupyter_dirs, "approve", "--json")).stdout)
    assert shown["tool"] == "delete_region"
    assert len(shown["id"]) == 64


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["abc"], b"Say what you decide"),
        (["abc", "once", "--reason", "x"], b"--reason goes with deny"),
        (["abc", "maybe"], b"'maybe' is not one of"),
    ],
)
async def test_what_is_wrong_is_one_line(jupyter_dirs, options, said):
    done = await run(jupyter_dirs, "approve", *options)
    assert done.returncode == 2
    assert said in done.stderr


async def test_nothing_waits(jupyter_dirs):
    done = await run(jupyter_dirs, "approve")
    assert (done.returncode, done.stderr) == (0, b"No call waits for your approval.\n")


# -- without a user ------------------------------------------------------------------------------

CELLS = (
    "%%mcp_tool --destructive\ndef wipe() -> int: return 0",
    "%%mcp_tool --ask once\ndef peek() -> int: return 1",
    "%%mcp_tool\ndef plain() -> int: return 2",
)


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ([], {"plain"}),
        (["--allow", "wipe"], {"plain", "wipe"}),
        (["--allow", "*"], {"plain", "wipe", "peek"}),
    ],
)
async def test_a_notebook_without_a_user_runs_only_what_was_allowed(
    jupyter_dirs, write_notebook, options, allowed
):
    path = write_notebook(*CELLS)
    ran = set()
    async with Client([JUPYTER_MCP, "run", str(path), *options], env=jupyter_dirs.environ) as client:
        for tool in ("wipe", "peek", "plain"):
            result = await client.call_tool(tool)
            if not result.isError:
                ran.add(tool)
            else:
                assert f"jupyter mcp run ... --allow {tool}" in result.content[0].text
    assert ran == allowed


async def test_a_notebook_without_a_user_says_what_it_will_deny(jupyter_dirs, write_notebook):
    path = write_notebook(*CELLS)
    ran = await run(jupyter_dirs, "run", str(path), "--allow", "peek")
    assert b"Nobody can approve calls here, so those of wipe will be denied." in ran.stderr


async def test_allow_is_for_notebooks(jupyter_dirs, tmp_path):
    file = tmp_path / "server.py"
    file.write_text("from mcp_jupyter.server.fastmcp import FastMCP\nmcp = FastMCP()\n")
    assert (
        b"--allow: for notebook files only"
        in (await run(jupyter_dirs, "run", str(file), "--allow", "x")).stderr
    )
