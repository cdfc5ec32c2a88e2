# SPDX-License-Identifier: BSD-3-Clause
"""The aggregate behind the machine door: one URL for all notebooks that a token opens, and for no other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter.extension.tokens import DEFAULT_DAYS
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.server.constant_tools import CONSTANT_TOOLS
from tests.conftest import JupyterDirs

from .support import (
    INITIALIZE,
    JSON,
    JUPYTER_TOKEN,
    NAME,
    OTHER,
    OTHER_KERNEL_ID,
    Served,
    events,
    initialize,
    legacy,
    modern,
    open_client,
    run_server,
    serve_notebook,
    set_cookie_and_cors,
)

pytestmark = pytest.mark.anyio

TOOLS = ["total", "erase", "wait"]
SECONDS = 10


@pytest.fixture(autouse=True)
async def other_notebook(jupyter_dirs: JupyterDirs, notebook: Listener) -> AsyncIterator[Listener]:
    async with serve_notebook(OTHER, OTHER_KERNEL_ID) as listener:
        yield listener


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def ask(
    client: httpx2.AsyncClient, url: str, token: str, method: str, params: dict[str, Any] | None = None
) -> httpx2.Response:
    request = modern(method, params)
    request["headers"] |= bearer(token)
    return await client.post(url, **request)


async def names(client: httpx2.AsyncClient, url: str, token: str) -> list[str]:
    answer = await ask(client, url, token, "tools/list")
    assert answer.status_code == 200, answer.text
    return notebooks_own(answer.json()["result"]["tools"])


def notebooks_own(listed: list[dict[str, Any]]) -> list[str]:
    """Names without the aggregate's constant tools, which an unknown host such as this one gets."""
    return [tool["name"] for tool in listed if tool["name"] not in CONSTANT_TOOLS]


async def knock(client: httpx2.AsyncClient, url: str, headers: dict[str, str]) -> httpx2.Response:
    if "/sse" in url:
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code != 200:
                await response.aread()
            return response
    return await client.post(url, headers=JSON | headers, content=INITIALIZE)


@pytest.mark.parametrize("door", ["", "sse", "messages?session_key=x"])
async def test_who_comes_in(served: Served, client: httpx2.AsyncClient, door: str) -> None:
    store, url = served.extension.store, served.root + door
    revoked, good = served.token(), served.token()
    store.revoke(revoked[5:13])
    store._clock = lambda: datetime.now(UTC) - timedelta(days=DEFAULT_DAYS + 1)
    lapsed = served.token()
    store._clock = lambda: datetime.now(UTC)
    get_in = 404 if "messages" in door else 200  # at /messages: let in, but there is no such stream
    sign = "&" if "?" in url else "?"
    cases: list[tuple[str, dict[str, str], int]] = [
        (url, bearer(good), get_in),
        (url, bearer(served.token(servers=["nowhere"])), get_in),  # it will see nothing
        (url, bearer(good) | {"Origin": served.origin}, get_in),
        (url, {}, 401),
        (url, {"Authorization": "Bearer"}, 401),
        (url, bearer("mcpj_nonsense"), 401),
        (url, bearer(revoked), 401),
        (url, bearer(lapsed), 401),
        (url, bearer(served.token(audience="http://other/")), 401),
        (url, bearer(JUPYTER_TOKEN), 403),
        (url, bearer(good) | {"Origin": "https://evil.example"}, 403),
        (url, bearer(good) | {"Sec-Fetch-Site": "cross-site"}, 403),
        (url, bearer(good) | {"Host": "evil.example"}, 403),
        (f"{url}{sign}token={good}", {}, 401),
        (f"{url}{sign}token={good}", bearer(good), 401),
    ]
    for address, headers, status in cases:
        answer = await knock(client, address, headers)
        assert answer.status_code == status, (address, headers, answer.text)
        assert set_cookie_and_cors(answer.headers.multi_items()) == []
        if status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_a_token_for_several_notebooks_sees_those(served: Served, client: httpx2.AsyncClient) -> None:
    both = served.token(servers=[NAME, OTHER])
    expected = [f"{OTHER}_{tool}" for tool in TOOLS] + [f"{NAME}_{tool}" for tool in TOOLS]
    assert await names(client, served.root, both) == expected
    params = {"name": f"{OTHER}_total", "arguments": {"n": 4}}
    answer = await ask(client, served.root, both, "tools/call", params)
    assert answer.json()["result"]["structuredContent"] == {"result": 40}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"servers": [NAME]}, [f"{NAME}_{tool}" for tool in TOOLS]),
        ({"servers": ["*"], "tools": ["tot*"]}, [f"{OTHER}_total", f"{NAME}_total"]),
        ({"servers": [NAME], "tools": ["erase"]}, [f"{NAME}_erase"]),
        ({"servers": ["*"], "tools": [f"{NAME}_total"]}, []),  # a tool's own name counts, not the aggregate's
        ({"servers": ["*"], "tools": []}, []),
        ({"servers": ["nowhere"]}, []),
    ],
)
async def test_a_token_sees_and_calls_what_its_scopes_name(
    served: Served, client: httpx2.AsyncClient, scope: dict[str, list[str]], expected: list[str]
) -> None:
    token = served.token(**scope)
    assert await names(client, served.root, token) == expected
    session = await initialize(client, served.root, token)
    listed = (await session.call("tools/list")).json()["result"]["tools"]
    assert notebooks_own(listed) == expected
    for name in [f"{notebook}_{tool}" for notebook in (NAME, OTHER) for tool in ("total", "erase")]:
        params = {"name": name, "arguments": {"n": 1}}
        for answer in (
            await ask(client, served.root, token, "tools/call", params),
            await session.call("tools/call", params),
        ):
            assert ("result" in answer.json()) is (name in expected), (name, answer.text)
    opened = [name for name in (NAME, OTHER) if name in scope["servers"] or "*" in scope["servers"]]
    for name in (NAME, OTHER):
        for method, params in (
            ("resources/read", {"uri": f"hub://{name}/data://figures"}),
            ("prompts/get", {"name": f"{name}_ask"}),
        ):
            answer = await ask(client, served.root, token, method, params)
            assert ("result" in answer.json()) is (name in opened), (name, method)


async def test_revoking_ends_sessions_and_calls(served: Served, client: httpx2.AsyncClient) -> None:
    token = served.token()
    session = await initialize(client, served.root, token)
    outcome: list[int] = []

    async def wait() -> None:
        answer = await ask(client, served.root, token, "tools/call", {"name": f"{NAME}_wait"})
        outcome.append(answer.json()["error"]["code"])

    async with (
        client.stream("GET", served.root, headers=session.headers) as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(wait)
        endpoint = await served.extension.notebooks.aggregate()
        with anyio.fail_after(SECONDS):
            while not endpoint._running:
                await anyio.sleep(0.01)
            served.extension.store.revoke(token[5:13])
            async for _ in stream.aiter_raw():
                pass
    assert len(outcome) == 1
    assert (await session.call("ping")).status_code == 401


async def test_a_session_over_sse_hears_of_a_new_notebook(served: Served, client: httpx2.AsyncClient) -> None:
    headers = bearer(served.token(servers=["*"]))
    async with client.stream("GET", f"{served.root}sse", headers=headers) as stream:
        with anyio.fail_after(SECONDS):
            heard = events(stream)
            event, path = await anext(heard)
            assert event == "endpoint"
            url = f"{served.origin}{path}"
            await client.post(url, headers=JSON | headers, content=INITIALIZE)
            assert json.loads((await anext(heard))[1])["result"]["serverInfo"]["name"] == "mcp-jupyter-hub"
            await client.post(url, headers=JSON | headers, content=legacy("tools/list"))
            while "result" not in (said := json.loads((await anext(heard))[1])):
                pass
            assert len(notebooks_own(said["result"]["tools"])) == 2 * len(TOOLS)
            async with serve_notebook("third", "33333333-2222-3333-4444-555555555555"):
                while json.loads((await anext(heard))[1]).get("method") != "notifications/tools/list_changed":
                    pass


async def test_the_jupyter_token_sees_all_where_it_is_accepted(jupyter_dirs: JupyterDirs) -> None:
    more = {"McpJupyterApp": {"accept_jupyter_token": True}}
    async with run_server(jupyter_dirs, more=more) as served, open_client(served) as client:
        assert len(await names(client, served.root, JUPYTER_TOKEN)) == 2 * len(TOOLS)
