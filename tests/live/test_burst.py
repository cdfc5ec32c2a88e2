# SPDX-License-Identifier: BSD-3-Clause
"""Many callers of one notebook at the same moment."""

from __future__ import annotations

import collections

import anyio
import httpx2
import pytest

from tests.extension.support import modern

CALLERS = 200
CALLS = 10
BOUND_SECONDS = 100  # a dozen on two idle cores

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

DOUBLE = "%%mcp_tool\ndef double(n: int) -> int:\n    return 2 * n"


async def test_of_many_callers_at_once_none_is_refused_and_none_is_told_something_wrong(jupyter):
    """200 modern callers of one token, 10 calls each, all get their own right answer (1.5)."""
    answers: collections.Counter[str] = collections.Counter()

    async def caller(number: int) -> None:
        for call in range(CALLS):
            n = number * CALLS + call
            asked = modern("tools/call", {"name": "double", "arguments": {"n": n}}, id=n)
            asked["headers"] |= {"Authorization": f"Bearer {token}"}
            answer = await client.post(jupyter.endpoint("burst"), **asked)
            result = answer.json().get("result", {})
            right = answer.json()["id"] == n and result.get("structuredContent") == {"result": 2 * n}
            answers["right" if right else f"{answer.status_code} {answer.text[:200]}"] += 1

    limits = httpx2.Limits(max_connections=CALLERS)
    with jupyter.notebook("burst.ipynb", "%load_ext mcp_jupyter", DOUBLE):
        token = jupyter.token("burst")
        async with httpx2.AsyncClient(limits=limits, timeout=BOUND_SECONDS) as client:
            with anyio.fail_after(BOUND_SECONDS):
                async with anyio.create_task_group() as tasks:
                    for number in range(CALLERS):
                        tasks.start_soon(caller, number)
    assert answers == {"right": CALLERS * CALLS}
