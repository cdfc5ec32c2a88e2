# SPDX-License-Identifier: BSD-3-Clause
"""Approvals over HTTP: the user's own page decides, and nothing else does (T36)."""

from __future__ import annotations

import json
import secrets

import pytest

from mcp_jupyter.ipc.questions import APPROVALS
from tests.conftest import JupyterDirs

from .support import JUPYTER_TOKEN, Served, open_client

pytestmark = pytest.mark.anyio

PERSON = {"Authorization": f"token {JUPYTER_TOKEN}"}
PATH = "mcp-jupyter/api/approvals"
DIGEST = "a" * 64
ALLOW = {"decision": "once", "digest": DIGEST}


@pytest.fixture
def secret(jupyter_dirs: JupyterDirs) -> str:
    """The secret of a question that waits."""
    secret = secrets.token_urlsafe(32)
    said = {"tool": "delete_region", "arguments": {"region": "west"}, "digest": DIGEST}
    APPROVALS.ask(secret, 60, jupyter_dirs.runtime, json.dumps(said).encode())
    return secret


async def test_the_users_page_sees_what_waits_and_decides_once(
    served: Served, secret: str, jupyter_dirs: JupyterDirs
) -> None:
    async with open_client(served) as client:
        (shown,) = (await client.get(PATH, headers=PERSON)).json()["approvals"]
        assert (shown["tool"], shown["arguments"]) == ("delete_region", {"region": "west"})
        decided = await client.post(f"{PATH}/{shown['id']}", headers=PERSON, json=ALLOW)
        again = await client.post(f"{PATH}/{shown['id']}", headers=PERSON, json=ALLOW)
        assert (decided.status_code, again.status_code) == (204, 404)
        assert (await client.get(PATH, headers=PERSON)).json() == {"approvals": []}
    answer = APPROVALS.collect(secret, jupyter_dirs.runtime)
    assert answer is not None
    assert json.loads(answer) == {**ALLOW, "reason": ""}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Authorization": "Bearer TOKEN"}, 403),
        ({"Authorization": "token TOKEN"}, 403),
        (PERSON | {"Origin": "https://evil.example"}, 403),
        (PERSON | {"Origin": "null"}, 403),
        (PERSON | {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_neither_a_client_nor_another_page_decides(
    served: Served, secret: str, jupyter_dirs: JupyterDirs, headers: dict[str, str], status: int
) -> None:
    token = served.token()
    (waiting,) = APPROVALS.waiting(jupyter_dirs.runtime)
    sent = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    async with open_client(served) as client:
        answers = [
            await client.get(PATH, headers=sent),
            await client.post(f"{PATH}/{waiting.id}", headers=sent, json=ALLOW),
        ]
    assert [answer.status_code for answer in answers] == [status, status]
    assert APPROVALS.collect(secret, jupyter_dirs.runtime) is None
    assert [each.id for each in APPROVALS.waiting(jupyter_dirs.runtime)] == [waiting.id]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "once"},
        {"decision": "always", "digest": DIGEST},
        {"decision": "once", "digest": "short"},
        {"decision": "deny", "digest": DIGEST, "reason": "x" * 501},
        {**ALLOW, "more": 1},
    ],
)
async def test_a_body_that_is_no_decision_is_refused(
    served: Served, secret: str, jupyter_dirs: JupyterDirs, body: dict[str, str]
) -> None:
    (waiting,) = APPROVALS.waiting(jupyter_dirs.runtime)
    async with open_client(served) as client:
        assert (await client.post(f"{PATH}/{waiting.id}", headers=PERSON, json=body)).status_code == 400
    assert APPROVALS.waiting(jupyter_dirs.runtime)
