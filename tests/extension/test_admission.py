# SPDX-License-Identifier: BSD-3-Clause
"""The machine door: who comes in, who does not, and what nobody gets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter.extension.tokens import DEFAULT_DAYS
from mcp_jupyter.ipc.listener import Listener
from tests.conftest import JupyterDirs

from .support import (
    INITIALIZE,
    JSON,
    JUPYTER_TOKEN,
    KERNEL_ID,
    NAME,
    OTHER,
    OTHER_KERNEL_ID,
    Served,
    initialize,
    modern,
    open_client,
    run_server,
    serve_notebook,
    set_cookie_and_cors,
)

pytestmark = pytest.mark.anyio

Headers = Mapping[str, str]

DOORS = ("", "/sse", "/messages?session_key=x")


@pytest.fixture
async def other_notebook(jupyter_dirs: JupyterDirs) -> AsyncIterator[Listener]:
    async with serve_notebook(OTHER, OTHER_KERNEL_ID) as listener:
        yield listener


async def knock(client: httpx2.AsyncClient, url: str, headers: Headers) -> httpx2.Response:
    """Ask for something that would be answered with 200 (or, at /messages, 404), were it let in."""
    if "/sse" in url:
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code != 200:
                await response.aread()
            return response
    return await client.post(url, headers=JSON | headers, content=INITIALIZE)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def lapsed_token(served: Served) -> str:
    store = served.extension.store
    store._clock = lambda: datetime.now(UTC) - timedelta(days=DEFAULT_DAYS + 1)
    try:
        return served.token()
    finally:
        store._clock = lambda: datetime.now(UTC)


def revoked_token(served: Served) -> str:
    text = served.token()
    served.extension.store.revoke(text[5:13])
    return text


async def test_a_modern_call_goes_through(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    request = modern("tools/call", {"name": "total", "arguments": {"n": 4}})
    request["headers"] |= bearer(served.token())
    answer = await client.post(served.notebook_url(), **request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["structuredContent"] == {"result": 40}


async def test_a_legacy_session_goes_through(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    session = await initialize(client, served.notebook_url(), served.token())
    answer = await session.call("tools/call", {"name": "total", "arguments": {"n": 4}})
    assert answer.json()["result"]["structuredContent"] == {"result": 40}


@pytest.mark.parametrize("door", DOORS)
async def test_who_comes_in(
    served: Served, notebook: Listener, other_notebook: Listener, client: httpx2.AsyncClient, door: str
) -> None:
    good = served.token()
    url = served.notebook_url() + door
    get_in = {"": 200, "/sse": 200}.get(door, 404)  # at /messages: let in, but there is no such stream
    foreign = {"Origin": "https://evil.example"}
    expected: list[tuple[str, str, Headers, int, str]] = [
        ("a good token", url, bearer(good), get_in, ""),
        ("ours as origin", url, bearer(good) | {"Origin": served.origin}, get_in, ""),
        ("no credential", url, {}, 401, "bearer token is required"),
        ("an empty one", url, {"Authorization": "Bearer"}, 401, "not a token"),
        ("another scheme", url, {"Authorization": f"Basic {good}"}, 401, "bearer token is required"),
        ("nonsense", url, bearer("mcpj_nonsense"), 401, "not a token"),
        ("a wrong secret", url, bearer(good[:-1] + ("A" if good[-1] != "A" else "B")), 401, "not known"),
        ("the Jupyter token", url, bearer(JUPYTER_TOKEN), 403, "jupyter mcp token create"),
        ("the same, as `token`", url, {"Authorization": f"token {JUPYTER_TOKEN}"}, 403, "token create"),
        ("another notebook's", url, bearer(served.token(servers=[OTHER])), 403, "does not open"),
        ("an expired one", url, bearer(lapsed_token(served)), 401, "expired"),
        ("a revoked one", url, bearer(revoked_token(served)), 401, "revoked"),
        ("another server's", url, bearer(served.token(audience="http://other/")), 401, "another Jupyter"),
        ("a foreign origin", url, bearer(good) | foreign, 403, "Origin"),
        ("a foreign origin, no credential", url, foreign, 403, "Origin"),
        ("a foreign site", url, bearer(good) | {"Sec-Fetch-Site": "cross-site"}, 403, "cross-site"),
        ("a foreign host", url, bearer(good) | {"Host": "evil.example"}, 403, "Host"),
    ]
    for parameter in (f"token={good}", f"token={JUPYTER_TOKEN}", f"access_token={good}", f"x={good}"):
        in_url = f"{url}{'&' if '?' in url else '?'}{parameter}"
        expected.append((f"{parameter} in the URL", in_url, {}, 401, "in the URL"))
        expected.append((f"{parameter} in the URL as well", in_url, bearer(good), 401, "in the URL"))
    outcomes = {}
    for case, address, headers, _, _ in expected:
        answer = await knock(client, address, headers)
        said = json.loads(answer.content)["error"]["message"] if answer.status_code >= 400 else ""
        outcomes[case] = (answer.status_code, said)
        assert set_cookie_and_cors(answer.headers.multi_items()) == [], case
        assert good[14:] not in answer.text if answer.status_code >= 400 else True
        assert JUPYTER_TOKEN not in said
        if answer.status_code == 401:
            challenge = answer.headers["www-authenticate"]
            assert challenge == 'Bearer realm="mcp_jupyter", error="invalid_token"', case
    assert {case: status for case, (status, _) in outcomes.items()} == {
        case: status for case, _, _, status, _ in expected
    }
    for case, _, _, _, words in expected:
        assert words in outcomes[case][1], case


async def test_a_refused_token_begins_with_the_command_for_a_new_one(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    """Claude Code hands the body to the model; a name from the URL is repeated if it is plain (2: doctor)."""
    create = "Run `jupyter mcp token create {} --tool '*' --resource '*' --prompt '*'` in a terminal"
    for headers in ({}, bearer("mcpj_nonsense")):
        answer = await knock(client, served.notebook_url(), headers)
        assert json.loads(answer.content)["error"]["message"].startswith(create.format(NAME))
        for name in ("a%60b", "%24(id)", "x" * 200):
            answer = await knock(client, served.notebook_url(name), headers)
            assert json.loads(answer.content)["error"]["message"].startswith(create.format("NAME"))


async def test_two_credentials_are_none(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    good = served.token()
    headers = [*JSON.items(), ("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]
    answer = await client.post(served.notebook_url(), headers=headers, content=INITIALIZE)
    assert answer.status_code == 400
    assert "more than one Authorization" in answer.text


@pytest.mark.parametrize(
    "origins",
    [
        ["null"],
        ["http://127.0.0.1.evil.example"],
        ["http://user@127.0.0.1"],
        ["http://127.0.0.1:1"],
        ["https://127.0.0.1:{port}"],
        ["http://127.0.0.1:{port}/"],
        ["http://127.0.0.1:{port}#x"],
        ["http://127.0.0.1.:{port}"],
        [""],
        ["http://127.0.0.1:{port}", "http://127.0.0.1:{port}"],
    ],
)
async def test_origins_that_are_not_ours(
    served: Served, notebook: Listener, client: httpx2.AsyncClient, origins: list[str]
) -> None:
    named = [("Origin", origin.format(port=served.app.port)) for origin in origins]
    headers = [*JSON.items(), *bearer(served.token()).items(), *named]
    answer = await client.post(served.notebook_url(), headers=headers, content=INITIALIZE)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:{port}", "HTTP://LOCALHOST:{port}", "http://[::1]:{port}"]
)
async def test_origins_that_are_ours(
    served: Served, notebook: Listener, client: httpx2.AsyncClient, origin: str
) -> None:
    headers = JSON | bearer(served.token()) | {"Origin": origin.format(port=served.app.port)}
    answer = await client.post(served.notebook_url(), headers=headers, content=INITIALIZE)
    assert answer.status_code == 200
    assert set_cookie_and_cors(answer.headers.multi_items()) == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("127.1.2.3", 200),
        ("[::1]:8888", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.", 403),
        ("192.168.1.1", 403),
        ("[::2]", 403),
        ("a" * 300, 403),
    ],
)
async def test_hosts(
    served: Served, notebook: Listener, client: httpx2.AsyncClient, host: str, status: int
) -> None:
    answer = await knock(client, served.notebook_url(), bearer(served.token()) | {"Host": host})
    assert answer.status_code == status
    assert set_cookie_and_cors(answer.headers.multi_items()) == []


@pytest.mark.parametrize(
    ("target", "hosts"),
    [
        ("{path}", ["localhost", "evil.example"]),
        ("{path}", ["localhost", "localhost"]),
        ("{path}", ["localhost/../evil"]),
        ("{path}", ["user@localhost"]),
        ("{path}", []),
        ("http://evil.example{path}", ["localhost"]),
        ("http://localhost{path}", ["evil.example"]),
    ],
)
async def test_strange_ways_to_name_a_host(
    served: Served, notebook: Listener, target: str, hosts: list[str]
) -> None:
    path = served.notebook_url().removeprefix(served.origin)
    lines = [f"POST {target.format(path=path)} HTTP/1.1", *(f"Host: {host}" for host in hosts)]
    headers = JSON | bearer(served.token()) | {"Content-Length": str(len(INITIALIZE)), "Connection": "close"}
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with anyio.fail_after(10):
        async with await anyio.connect_tcp("127.0.0.1", served.app.port) as stream:
            await stream.send(("\r\n".join(lines) + "\r\n\r\n" + INITIALIZE).encode())
            answer = (await stream.receive()).decode()
    assert answer.split()[1] in {"400", "403", "404"}, answer
    assert "mcp-session-id" not in answer.lower()


@pytest.mark.parametrize(
    "config",
    [
        {"allow_origin": "*"},
        {"allow_origin_pat": ".*"},
        {"allow_remote_access": True, "allow_origin": "https://evil.example", "allow_credentials": True},
        {"tornado_settings": {"headers": {"Access-Control-Allow-Origin": "*"}}},
        {"disable_check_xsrf": True},
        {"allow_unauthenticated_access": False},
    ],
)
async def test_jupyters_own_settings_open_nothing_here(
    jupyter_dirs: JupyterDirs, config: dict[str, Any]
) -> None:
    async with (
        run_server(jupyter_dirs, **config) as served,
        serve_notebook(),
        open_client(served) as client,
    ):
        token = served.token()
        evil = {"Origin": "https://evil.example"}
        for door in DOORS:
            url = served.notebook_url() + door
            for headers, status in (
                (evil, 403),
                (bearer(token) | evil, 403),
                (bearer(JUPYTER_TOKEN) | evil, 403),
                ({}, 401),
                (bearer(token), 404 if "messages" in door else 200),
            ):
                answer = await knock(client, url, headers)
                assert answer.status_code == status
                assert set_cookie_and_cors(answer.headers.multi_items()) == []


async def test_a_server_without_authentication_still_wants_a_token(jupyter_dirs: JupyterDirs) -> None:
    more = {"IdentityProvider": {"token": ""}}
    async with run_server(jupyter_dirs, more=more) as served, serve_notebook(), open_client(served) as client:
        for headers, status in (({}, 401), ({"Authorization": "Bearer"}, 401), (bearer(served.token()), 200)):
            assert (await knock(client, served.notebook_url(), headers)).status_code == status


async def test_an_origin_can_be_allowed(jupyter_dirs: JupyterDirs) -> None:
    more = {"McpJupyterApp": {"allowed_origins": ["https://host.example"]}}
    async with run_server(jupyter_dirs, more=more) as served, serve_notebook(), open_client(served) as client:
        headers = bearer(served.token()) | {"Origin": "https://host.example"}
        answer = await knock(client, served.notebook_url(), headers)
        assert answer.status_code == 200
        assert set_cookie_and_cors(answer.headers.multi_items()) == []


async def test_an_administrator_may_accept_the_jupyter_token(jupyter_dirs: JupyterDirs) -> None:
    more = {"McpJupyterApp": {"accept_jupyter_token": True}}
    async with run_server(jupyter_dirs, more=more) as served, serve_notebook(), open_client(served) as client:
        for headers in (bearer(JUPYTER_TOKEN), {"Authorization": f"token {JUPYTER_TOKEN}"}):
            answer = await knock(client, served.notebook_url(), headers)
            assert answer.status_code == 200
            assert set_cookie_and_cors(answer.headers.multi_items()) == []
        in_url = f"{served.notebook_url()}?token={JUPYTER_TOKEN}"
        assert (await knock(client, in_url, {})).status_code == 401


async def test_a_login_cookie_is_worth_nothing(served: Served, notebook: Listener) -> None:
    async with open_client(served) as client:
        await client.get("api/status", headers={"Authorization": f"token {JUPYTER_TOKEN}"})
        assert client.cookies, "Jupyter logs in who shows its token"
        answer = await knock(client, served.notebook_url(), {})
    assert answer.status_code == 401
    assert set_cookie_and_cors(answer.headers.multi_items()) == []


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "PATCH", "TRACE"])
@pytest.mark.parametrize("door", DOORS)
async def test_other_verbs_do_not_exist(
    served: Served, notebook: Listener, client: httpx2.AsyncClient, door: str, method: str
) -> None:
    preflight = {"Origin": served.origin, "Access-Control-Request-Headers": "authorization"}
    for headers in ({}, bearer(served.token()), preflight):
        answer = await client.request(method, served.notebook_url() + door, headers=headers)
        assert answer.status_code == 405
        assert set_cookie_and_cors(answer.headers.multi_items()) == []


async def test_names_are_not_given_away(
    served: Served, notebook: Listener, other_notebook: Listener, client: httpx2.AsyncClient
) -> None:
    everywhere = served.token(servers=["*"])
    for token, status in ((None, 401), (served.token(), 403), (everywhere, 404)):
        headers = {} if token is None else bearer(token)
        answer = await knock(client, served.notebook_url("nowhere"), headers)
        assert answer.status_code == status
        assert OTHER not in answer.text


async def test_a_token_without_tools_sends_no_large_body(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    """It has no use for one, and must not make the server parse it; also at the endpoint of all (1.26)."""
    for url in (served.notebook_url(), served.root):
        for tools, statuses in (([], (400, 413)), (["total"], (400, 400))):
            headers = JSON | bearer(served.token(tools=tools))
            for size, status in zip((64 * 1024, 64 * 1024 + 1), statuses, strict=True):
                answer = await client.post(url, headers=headers, content=b"[" + b" " * (size - 2) + b"]")
                assert answer.status_code == status, (url, tools, size)


async def test_a_large_call_that_its_headers_give_away_is_refused_unparsed(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    """Its body is not even JSON (1.26)."""
    headers = {**modern("tools/call", {"name": "erase"})["headers"], **bearer(served.token(tools=["total"]))}
    for size, status in ((1000, 400), (1_000_000, 403)):
        answer = await client.post(served.notebook_url(), headers=headers, content=b"[" * size)
        assert (answer.status_code, answer.json()["id"]) == (status, None)
    headers["Mcp-Name"] = "total"
    assert (await client.post(served.notebook_url(), headers=headers, content=b"[" * size)).status_code == 400


async def test_a_session_is_useless_with_another_token(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    session = await initialize(client, served.notebook_url(), served.token())
    thief = {**session.headers, **bearer(served.token())}
    answer = await client.post(session.url, content=INITIALIZE.replace("initialize", "ping"), headers=thief)
    assert answer.status_code == 404


async def test_two_notebooks_do_not_mix(
    served: Served, notebook: Listener, other_notebook: Listener, client: httpx2.AsyncClient
) -> None:
    token = served.token(servers=[NAME, OTHER])
    session = await initialize(client, served.notebook_url(), token)
    elsewhere = await client.post(served.notebook_url(OTHER), content=INITIALIZE, headers=session.headers)
    assert elsewhere.headers["mcp-session-id"] != session.headers["Mcp-Session-Id"]
    lost = await client.post(
        served.notebook_url(OTHER),
        content=INITIALIZE.replace("initialize", "ping"),
        headers=session.headers,
    )
    assert lost.status_code == 404


async def test_an_unsafe_token_file_lets_nobody_in_and_tells_strangers_nothing(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    token = served.token()
    path = served.extension.store.path
    path.chmod(0o644)
    answer = await knock(client, served.notebook_url(), bearer(token))
    assert answer.status_code == 503
    assert str(path) not in answer.text


async def test_kernel_ids_are_no_names(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    headers = bearer(served.token(servers=["*"]))
    assert (await knock(client, served.notebook_url(KERNEL_ID), headers)).status_code == 404
