# SPDX-License-Identifier: BSD-3-Clause
"""The human door: tokens and servers, for people who are logged in to Jupyter."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx2
import pytest

from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.server.fastmcp import FastMCP
from tests.conftest import JupyterDirs

from .support import JUPYTER_TOKEN, KERNEL_ID, NAME, Served, modern, open_client, run_server, serve_notebook

pytestmark = pytest.mark.anyio

PERSON = {"Authorization": f"token {JUPYTER_TOKEN}"}
TOKENS = "mcp-jupyter/api/tokens"
SERVERS = "mcp-jupyter/api/servers"
WISH: dict[str, Any] = {
    "label": "claude",
    "servers": [NAME],
    "any_notebook_of_this_name": True,
    "tools": ["*"],
    "days": 7,
}


@pytest.fixture
async def person(served: Served) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that is logged in by the Jupyter token, as the command line is."""
    async with httpx2.AsyncClient(base_url=served.url, headers=PERSON, timeout=20) as client:
        yield client


@pytest.fixture
async def browser(served: Served) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that is logged in by a cookie, as the panel is."""
    async with httpx2.AsyncClient(base_url=served.url, timeout=20) as client:
        await client.get("login")  # sets the XSRF cookie
        await client.get("api/status", headers=PERSON)
        yield client


# -- tokens ----------------------------------------------------------------------------------------


async def test_a_token_that_is_made_opens_the_machine_door(
    served: Served, notebook: Listener, person: httpx2.AsyncClient
) -> None:
    made = await person.post(TOKENS, json=WISH)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    token = made.json()["token"]
    assert token.startswith(f"mcpj_{made.json()['id']}_")
    async with open_client(served, token) as client:
        answer = await client.post(served.notebook_url(), **modern("tools/list"))
    assert answer.status_code == 200


async def test_the_list_has_no_secret(served: Served, person: httpx2.AsyncClient) -> None:
    made = (await person.post(TOKENS, json=WISH)).json()
    answer = await person.get(TOKENS)
    (listed,) = answer.json()["tokens"]
    assert made["token"][14:] not in answer.text
    assert "digest" not in listed
    assert listed["id"] == made["id"]
    assert (listed["label"], listed["servers"], listed["tools"]) == ("claude", [NAME], ["*"])
    assert (listed["revoked"], listed["last_used"]) == (None, None)
    lifetime = datetime.fromisoformat(listed["expires"]) - datetime.fromisoformat(listed["created"])
    assert lifetime.days == 7


BINDING = {**WISH, "any_notebook_of_this_name": False}


async def test_it_names_a_live_notebook_by_its_path(
    served: Served, jupyter_dirs: JupyterDirs, person: httpx2.AsyncClient
) -> None:
    """A token is bound to the notebook, not to its name (1.2)."""
    root = os.path.realpath(jupyter_dirs.notebooks)
    path = os.path.join(root, "private", "sales.ipynb")
    async with serve_notebook(path=path):
        made = await person.post(TOKENS, json=BINDING)
    assert made.status_code == 201
    (listed,) = (await person.get(TOKENS)).json()["tokens"]
    assert (listed["notebooks"], listed["servers"]) == ([{"path": path, "root": root}], [])


async def test_a_pattern_opens_notebooks_by_name(person: httpx2.AsyncClient) -> None:
    assert (await person.post(TOKENS, json=BINDING | {"servers": ["team-*"]})).status_code == 201
    (listed,) = (await person.get(TOKENS)).json()["tokens"]
    assert (listed["notebooks"], listed["servers"]) == ([], ["team-*"])


async def test_a_name_without_a_path_must_be_meant(
    served: Served, notebook: Listener, person: httpx2.AsyncClient
) -> None:
    """A notebook that is not live, or has no path, is opened by name only on demand (1.2)."""
    for name in (NAME, "closed"):
        answer = await person.post(TOKENS, json=BINDING | {"servers": [name]})
        assert answer.status_code == 400
        assert f"The path of a notebook named '{name}' is not known now" in answer.json()["message"]
        assert (await person.post(TOKENS, json=WISH | {"servers": [name]})).status_code == 201


async def test_it_allows_nothing_of_a_kind_that_is_left_out(person: httpx2.AsyncClient) -> None:
    """REST takes scopes for resources and prompts as the command line does (1.27)."""
    scopes = {"resources": ["data://sales*"], "prompts": ["ask"]}
    for wish in (WISH, WISH | scopes):
        assert (await person.post(TOKENS, json=wish)).status_code == 201
    first, second = (await person.get(TOKENS)).json()["tokens"]
    assert (first["resources"], first["prompts"]) == ([], [])
    assert {key: second[key] for key in scopes} == scopes


@pytest.mark.parametrize(("days", "expected"), [("absent", 30), (None, None), (0.5, 0)])
async def test_how_long_it_is_good(person: httpx2.AsyncClient, days: Any, expected: int | None) -> None:
    wish = {name: value for name, value in (WISH | {"days": days}).items() if value != "absent"}
    assert (await person.post(TOKENS, json=wish)).status_code == 201
    (listed,) = (await person.get(TOKENS)).json()["tokens"]
    if expected is None:
        assert listed["expires"] is None
    else:
        created = datetime.fromisoformat(listed["created"])
        assert (datetime.fromisoformat(listed["expires"]) - created).days == expected


async def test_revoking_over_rest(served: Served, notebook: Listener, person: httpx2.AsyncClient) -> None:
    made = (await person.post(TOKENS, json=WISH)).json()
    assert (await person.delete(f"{TOKENS}/{made['id']}")).status_code == 204
    async with open_client(served, made["token"]) as client:
        answer = await client.post(served.notebook_url(), **modern("tools/list"))
    assert answer.status_code == 401
    (listed,) = (await person.get(TOKENS)).json()["tokens"]
    assert listed["revoked"] is not None
    assert (await person.delete(f"{TOKENS}/{made['id']}")).status_code == 204


async def test_revoking_what_is_not_there(person: httpx2.AsyncClient) -> None:
    answer = await person.delete(f"{TOKENS}/aaaaaaaa")
    assert answer.status_code == 404
    assert "Unknown token id" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"[]", "object"),
        (json.dumps(WISH | {"servers": []}).encode(), "servers"),
        (json.dumps(WISH | {"servers": "sales"}).encode(), "servers"),
        (json.dumps(WISH | {"servers": ["a b"]}).encode(), "servers.0"),
        (json.dumps(WISH | {"tools": [7]}).encode(), "tools.0"),
        (json.dumps({key: value for key, value in WISH.items() if key != "tools"}).encode(), "tools"),
        (json.dumps({key: value for key, value in WISH.items() if key != "servers"}).encode(), "servers"),
        (json.dumps({key: value for key, value in WISH.items() if key != "label"}).encode(), "label"),
        (json.dumps(WISH | {"label": "a\nb"}).encode(), "printable"),
        (json.dumps(WISH | {"resources": ["a b"]}).encode(), "resources.0"),
        (json.dumps(WISH | {"prompts": ["[a]"]}).encode(), "prompts.0"),
        (json.dumps(WISH | {"days": 0}).encode(), "days"),
        (json.dumps(WISH | {"days": 1e9}).encode(), "days"),
        (json.dumps(WISH | {"days": True}).encode(), "days"),
        (b'{"label":"x","servers":["s"],"tools":[],"days":NaN}', "days"),
        (json.dumps(WISH | {"issuer": "root"}).encode(), "issuer"),
        (json.dumps(WISH | {"%s%d": 1}).encode(), "?s?d"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
async def test_a_bad_wish_is_told_what_is_wrong(
    served: Served, person: httpx2.AsyncClient, body: bytes, words: str
) -> None:
    answer = await person.post(TOKENS, content=body)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert served.extension.store.tokens() == []


async def test_a_large_body_is_refused(served: Served, person: httpx2.AsyncClient) -> None:
    wish = WISH | {"tools": ["x"] * 100_000}
    answer = await person.post(TOKENS, json=wish)
    assert answer.status_code == 413
    assert served.extension.store.tokens() == []


async def test_a_bad_token_file_is_explained_to_its_owner(served: Served, person: httpx2.AsyncClient) -> None:
    await person.post(TOKENS, json=WISH)
    served.extension.store.path.chmod(0o644)
    for method, url in (("GET", TOKENS), ("POST", TOKENS), ("DELETE", f"{TOKENS}/aaaaaaaa")):
        answer = await person.request(method, url, json=WISH if method == "POST" else None)
        assert answer.status_code == 503
        assert "chmod 600" in answer.json()["message"]


# -- servers ---------------------------------------------------------------------------------------


async def test_servers_are_listed_with_what_they_say(served: Served, person: httpx2.AsyncClient) -> None:
    clients = [{"name": "codex-mcp-client", "version": "1", "since": "2026-11-30T16:00:00Z"}]
    said = {
        "state": "busy",
        "path": "a/sales.ipynb",
        "tools": 2,
        "resources": 1,
        "prompts": 0,
        "clients": clients,
    }
    server = FastMCP("test", status=lambda: {"mcp-jupyter/notebook": said})
    async with serve_notebook(server=server):
        (listed,) = (await person.get(SERVERS)).json()["servers"]
    url = served.notebook_url()
    assert listed == {
        "name": NAME,
        "kernel_id": KERNEL_ID,
        **said,
        "machine": None,
        "urls": {"http": url, "sse": f"{url}/sse"},
    }


async def test_a_server_that_says_nothing_is_listed_too(person: httpx2.AsyncClient) -> None:
    async with serve_notebook(server=FastMCP("test")):
        (listed,) = (await person.get(SERVERS)).json()["servers"]
    assert (listed["state"], listed["path"], listed["tools"]) == ("idle", None, 0)


async def test_no_notebook_no_server(person: httpx2.AsyncClient) -> None:
    assert (await person.get(SERVERS)).json() == {"servers": []}


async def test_the_url_is_the_one_that_people_see(jupyter_dirs: JupyterDirs) -> None:
    shown = {"custom_display_url": "https://hub.example/lab/"}
    async with (
        run_server(jupyter_dirs, **shown) as served,
        serve_notebook(),
        httpx2.AsyncClient(base_url=served.url, headers=PERSON) as person,
    ):
        (listed,) = (await person.get(SERVERS)).json()["servers"]
    assert listed["urls"]["http"] == f"https://hub.example/lab/mcp-jupyter/{NAME}"


# -- who comes in ----------------------------------------------------------------------------------


def requests(client: httpx2.AsyncClient, **more: Any) -> list[Any]:
    return [
        client.get(SERVERS, **more),
        client.get(TOKENS, **more),
        client.post(TOKENS, json=WISH, **more),
        client.delete(f"{TOKENS}/aaaaaaaa", **more),
    ]


async def test_strangers_and_tokens_of_ours_are_refused(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    token = served.token(servers=["*"])
    for headers in (
        {},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"token {token}"},
        {"Authorization": "Bearer x"},
    ):
        for request in requests(client, headers=headers):
            answer = await request
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers
    for request in requests(client, params={"token": token}):
        assert (await request).status_code == 403
    assert len(served.extension.store.tokens()) == 1


async def test_a_token_of_ours_spoils_a_login(served: Served, browser: httpx2.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {served.token()}", "X-XSRFToken": browser.cookies["_xsrf"]}
    for request in requests(browser, headers=headers):
        assert (await request).status_code == 403


async def test_a_token_of_ours_makes_no_token_where_nobody_logs_in(jupyter_dirs: JupyterDirs) -> None:
    more = {"IdentityProvider": {"token": ""}}
    async with (
        run_server(jupyter_dirs, more=more) as served,
        open_client(served, served.token()) as client,
    ):
        for request in requests(client):
            answer = await request
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


async def test_a_cookie_alone_writes_nothing(served: Served, browser: httpx2.AsyncClient) -> None:
    same_origin = {"Origin": served.origin, "Referer": served.url}
    assert (await browser.get(TOKENS, headers=same_origin)).status_code == 200
    assert (await browser.post(TOKENS, json=WISH, headers=same_origin)).status_code == 403
    assert (await browser.delete(f"{TOKENS}/aaaaaaaa", headers=same_origin)).status_code == 403
    with_xsrf = same_origin | {"X-XSRFToken": browser.cookies["_xsrf"]}
    assert (await browser.post(TOKENS, json=WISH, headers=with_xsrf)).status_code == 201


async def test_a_connection_whose_body_is_not_read_is_said_to_close(
    served: Served, client: httpx2.AsyncClient
) -> None:
    refused = await client.post(TOKENS, json=WISH, headers={"Authorization": f"Bearer {served.token()}"})
    assert (refused.status_code, refused.headers["connection"]) == (403, "close")


async def test_other_origins_are_refused_whatever_jupyter_allows(jupyter_dirs: JupyterDirs) -> None:
    async with (
        run_server(jupyter_dirs, allow_origin="*", disable_check_xsrf=True) as served,
        httpx2.AsyncClient(base_url=served.url, headers=PERSON) as person,
    ):
        for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            for request in requests(person, headers=foreign):
                assert (await request).status_code == 403
        assert served.extension.store.tokens() == []


async def test_the_origin_that_a_proxy_shows_is_ours(served: Served, person: httpx2.AsyncClient) -> None:
    headers = {"Origin": "https://localhost", "Host": "localhost"}
    assert (await person.post(TOKENS, json=WISH, headers=headers)).status_code == 201


# -- connecting hosts ------------------------------------------------------------------------------

LINES = "mcp-jupyter/api/connect-lines"
WANTED = {"name": NAME, "url": "http://localhost:8888/mcp-jupyter/sales", "token": "mcpj_x_y"}


async def test_the_lines_for_hosts_have_the_token_and_are_not_stored(browser: httpx2.AsyncClient) -> None:
    xsrf = {"X-XSRFToken": browser.cookies["_xsrf"]}
    answer = await browser.post(LINES, json=WANTED, headers=xsrf)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    lines = {line["host"]: line["text"] for line in answer.json()["lines"]}
    assert lines["Claude Code"].startswith("claude mcp add --transport http sales http://localhost:8888/")
    assert all("mcpj_x_y" in line for line in lines.values())


@pytest.mark.parametrize(
    "wrong", [{"url": "javascript:alert(1)"}, {"name": ""}, {"token": "x" * 501}, {"more": 1}]
)
async def test_lines_for_what_is_no_url_are_refused(
    person: httpx2.AsyncClient, wrong: dict[str, Any]
) -> None:
    assert (await person.post(LINES, json=WANTED | wrong)).status_code == 400


async def test_the_number_of_calls_must_be_positive(notebook: Listener, person: httpx2.AsyncClient) -> None:
    for last in ("0", "-1", "x", "1" * 10):
        assert (await person.get(f"{SERVERS}/{NAME}/calls", params={"last": last})).status_code == 400
