# SPDX-License-Identifier: BSD-3-Clause
"""Every route: who is asked about it, what an MCP token opens, and what no log may hold."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import anyio
import httpx2
import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.utils import JupyterServerAuthWarning
from tornado.routing import Rule

from mcp_jupyter.ipc.listener import Listener
from tests.conftest import JupyterDirs

from .support import (
    INITIALIZE,
    JSON,
    JUPYTER_TOKEN,
    KERNEL_ID,
    NAME,
    Served,
    events,
    initialize,
    legacy,
    open_client,
    run_server,
    serve_notebook,
    set_cookie_and_cors,
)

pytestmark = pytest.mark.anyio

PERSON = {"Authorization": f"token {JUPYTER_TOKEN}"}
WISH = {"any_notebook_of_this_name": True, "label": "x", "servers": [NAME], "tools": []}

ROWS: dict[str, dict[str, tuple[str, str]]] = {
    r"mcp-jupyter/api/servers": {"GET": ("read", "mcp_jupyter")},
    r"mcp-jupyter/api/servers/([^/]+)": {"GET": ("read", "mcp_jupyter")},
    r"mcp-jupyter/api/servers/([^/]+)/calls": {"GET": ("read", "mcp_jupyter")},
    r"mcp-jupyter/api/servers/([^/]+)/calls/([0-9]{1,9})": {"GET": ("read", "mcp_jupyter")},
    r"mcp-jupyter/api/servers/([^/]+)/calls/([0-9]{1,9})/stop": {"POST": ("execute", "mcp_jupyter")},
    r"mcp-jupyter/api/servers/([^/]+)/pause": {"POST": ("execute", "mcp_jupyter")},
    r"mcp-jupyter/api/observe": {"GET": ("read", "mcp_jupyter")},
    r"mcp-jupyter/api/approvals": {"GET": ("read", "mcp_jupyter")},
    r"mcp-jupyter/api/approvals/([0-9a-f]{64})": {"POST": ("execute", "mcp_jupyter")},
    r"mcp-jupyter/api/connect-lines": {"POST": ("read", "mcp_jupyter")},
    r"mcp-jupyter/api/tokens": {"GET": ("read", "mcp_jupyter"), "POST": ("write", "mcp_jupyter")},
    r"mcp-jupyter/api/tokens/([^/]+)": {"DELETE": ("write", "mcp_jupyter")},
    r"mcp-jupyter/api/oauth/callback": {"GET": ("execute", "mcp_jupyter")},
    r"mcp-jupyter/([^/]+)/?": dict.fromkeys(("GET", "POST", "DELETE"), ("execute", "mcp_jupyter")),
    r"mcp-jupyter/([^/]+)/sse/?": {"GET": ("execute", "mcp_jupyter")},
    r"mcp-jupyter/([^/]+)/messages/?": {"POST": ("execute", "mcp_jupyter")},
    r"mcp-jupyter/?": dict.fromkeys(("GET", "POST", "DELETE"), ("execute", "mcp_jupyter")),
    r"mcp-jupyter/sse/?": {"GET": ("execute", "mcp_jupyter")},
    r"mcp-jupyter/messages/?": {"POST": ("execute", "mcp_jupyter")},
}
"""Each route's verbs, and what an Authorizer is asked for each."""


class Recorder(Authorizer):
    """Remembers what it was asked; says yes or no to everything."""

    asked: ClassVar[list[tuple[str, str, str]]] = []
    answer: ClassVar[bool] = True

    async def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        type(self).asked.append((user.username, action, resource))
        return self.answer


@pytest.fixture
def recorder() -> Iterator[type[Recorder]]:
    Recorder.asked.clear()
    yield Recorder
    Recorder.answer = True


def own_routes(served: Served) -> dict[str, type]:
    return {path: rule.target for rule in all_rules(served) if "mcp-jupyter" in (path := below(served, rule))}


def all_rules(served: Served) -> list[Rule]:
    return [rule for group in served.app.web_app.default_router.rules for rule in group.target.rules]


def example(pattern: str) -> str:
    parameter = "aaaaaaaa" if "api/tokens" in pattern else NAME
    path = pattern.replace("([0-9]{1,9})", "7").replace("([0-9a-f]{64})", "0" * 64)
    return path.replace("([^/]+)", parameter).removesuffix("/?")


def verbs(handler: type) -> set[str]:
    from tornado.web import RequestHandler

    return {
        verb
        for verb in handler.SUPPORTED_METHODS
        if getattr(handler, verb.lower()) is not RequestHandler._unimplemented_method
    }


async def test_every_route_has_a_row(served: Served) -> None:
    routes = own_routes(served)
    assert routes.keys() == ROWS.keys()
    for pattern, handler in routes.items():
        assert verbs(handler) - {"OPTIONS"} == ROWS[pattern].keys(), pattern


def is_machine(pattern: str) -> bool:
    return "api/" not in pattern


@pytest.mark.parametrize("backwards", [False, True])
async def test_the_authorizer_is_asked_and_has_the_last_word(
    jupyter_dirs: JupyterDirs, recorder: type[Recorder], backwards: bool
) -> None:
    rows = [(pattern, verb, asked) for pattern, row in ROWS.items() for verb, asked in row.items()]
    async with (
        run_server(jupyter_dirs, authorizer_class=Recorder) as served,
        serve_notebook(),
        open_client(served) as client,
    ):
        token = served.token(issuer="ann")
        for answer in (True, False):
            recorder.answer = answer
            for pattern, verb, asked in reversed(rows) if backwards else rows:
                recorder.asked.clear()
                credential = f"Bearer {token}" if is_machine(pattern) else PERSON["Authorization"]
                headers = JSON | {"Authorization": credential}
                body = {} if verb != "POST" else {"content": INITIALIZE}
                request = client.build_request(verb, example(pattern), headers=headers, **body)
                response = await client.send(request, stream=True)
                await response.aclose()
                assert not response.is_redirect
                assert [entry[1:] for entry in recorder.asked] == [asked], (pattern, verb)
                if is_machine(pattern):
                    assert {entry[0] for entry in recorder.asked} <= {"ann"}
                    assert set_cookie_and_cors(response.headers.multi_items()) == []
                if not answer:
                    assert response.status_code == 403, (pattern, verb)


@pytest.mark.parametrize("allow", [True, False])
async def test_it_loads_without_a_warning(jupyter_dirs: JupyterDirs, allow: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", JupyterServerAuthWarning)
        async with (
            run_server(jupyter_dirs, allow_unauthenticated_access=allow) as served,
            serve_notebook(),
            open_client(served) as client,
        ):
            session = await initialize(client, served.notebook_url(), served.token())
            assert (await session.call("tools/list")).status_code == 200
            made = await client.post("mcp-jupyter/api/tokens", json=WISH, headers=PERSON)
            assert made.status_code == 201


PUBLIC = {
    ("GET", ""),  # to the page that asks for a login
    ("GET", ".*/"),  # the same without the slash
    ("GET", "api"),  # Jupyter's version
    ("GET", "api/notebooks/?(.*)"),  # to api/contents
    ("GET", "login"),
    ("GET", "logout"),
}
"""What Jupyter shows to anybody."""


async def test_an_mcp_token_opens_no_route_of_jupyters(served: Served, notebook: Listener) -> None:
    """Walk all of them with it, then show every cookie received to the kernels."""
    token = served.token(servers=["*"])
    opened = set()
    cookies = httpx2.Cookies()
    routes = {
        path: rule.target for rule in all_rules(served) if "mcp-jupyter" not in (path := below(served, rule))
    }
    assert len(routes) > 30
    async with open_client(served) as client:
        for verb, path in [(verb, path) for path, handler in routes.items() for verb in verbs(handler)]:
            url = re.sub(r"\([^)]*\)", KERNEL_ID, path).replace("\\", "").replace("/?", "").replace(".*", "x")
            statuses = {await knock(client, verb, url, cookies)}
            for scheme in ("Bearer", "token"):
                given = {"headers": {"Authorization": f"{scheme} {token}"}, "params": {"token": token}}
                statuses.add(await knock(client, verb, url, cookies, **given))
            assert len(statuses) == 1, f"the token makes a difference at {verb} {path}: {statuses}"
            if statuses.isdisjoint({401, 403, 404, 405}) and verb != "OPTIONS":
                opened.add((verb, path))
        assert opened == PUBLIC
        client.cookies = cookies
        xsrf = {"X-XSRFToken": cookies.get("_xsrf") or "", "Origin": served.origin}
        assert (await client.post("api/kernels", headers=xsrf)).status_code == 403
        assert (await client.get("api/contents", headers=xsrf)).status_code == 403


async def knock(
    client: httpx2.AsyncClient, verb: str, url: str, cookies: httpx2.Cookies, **given: Any
) -> int:
    """The status of a request without cookies, 403 where it goes to the login. Keeps the cookies it got."""
    client.cookies.clear()
    response = await client.request(verb, url, **given)
    cookies.update(client.cookies)
    return 403 if "/login" in response.headers.get("location", "") else response.status_code


def below(served: Served, rule: Rule) -> str:
    pattern = rule.matcher.regex.pattern.rstrip("$")
    base = served.app.base_url
    return pattern.removeprefix(base).removeprefix(re.escape(base))


async def test_no_secret_is_logged(
    served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    served.app.log.propagate = True
    token = served.token()
    secrets = [token, token[14:], "canary-argument-8d2f"]
    async with serve_notebook(), open_client(served) as client:
        session = await initialize(client, served.notebook_url(), token)
        secrets.append(session.headers["Mcp-Session-Id"])
        await session.call("tools/call", {"name": "total", "arguments": {"n": "canary-argument-8d2f"}})
        await client.get(served.notebook_url(), params={"token": token})
        await client.get(served.notebook_url(), headers={"Referer": f"http://x/?token={token}"})
        await client.post("mcp-jupyter/api/tokens", json=WISH, headers={"Authorization": f"token {token}"})
        made = await client.post("mcp-jupyter/api/tokens", json=WISH, headers=PERSON)
        secrets.append(made.json()["token"])
        bearer = {"Authorization": f"Bearer {token}"}
        async with client.stream("GET", f"{served.notebook_url()}/sse", headers=bearer) as stream:
            heard = events(stream)
            _, where = await anext(heard)
            secrets.append(where.partition("=")[2])
            posted = await client.post(served.origin + where, headers=JSON | bearer, content=legacy("ping"))
            assert posted.status_code == 202
            await client.post(served.origin + where, headers=JSON, content=legacy("ping"))
        await client.get("mcp-jupyter/api/servers", params={"token": token})
        await client.get(
            "mcp-jupyter/api/servers", params={"token": JUPYTER_TOKEN, "no": "x"}, headers=bearer
        )
        secrets.append(JUPYTER_TOKEN)
    # The client's own log is in the same process, and it writes down every URL.
    lines = [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx2", "httpcore2"))
    ]
    written = "\n".join(lines) + "".join(capfd.readouterr())
    assert "[secret]" in written, "the log that is looked at has the requests"
    assert [secret for secret in secrets if secret in written] == []


IN_URLS = ("sales?x={}", "sales?{}", "sales?x={}==", "{}", "sse?x={}", "api/servers?x={}", "api/tokens/{}")


@pytest.mark.parametrize("verb", ["GET", "PUT"])
async def test_wherever_in_our_urls_a_token_stands_no_log_has_it(
    served: Served, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    served.app.log.propagate = True
    token = served.token()
    for place in IN_URLS:
        for headers in ({}, PERSON, {"Authorization": f"Bearer {token}", "Referer": f"http://x/{token}"}):
            url = f"mcp-jupyter/{place.format(token)}"
            assert (await client.request(verb, url, headers=headers)).status_code in (200, 401, 403, 404, 405)
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert any(token[:13] in line for line in lines), "a person can see which token to revoke"
    assert [line for line in lines if token[14:] in line] == []


async def test_a_refused_request_costs_a_short_line_whatever_it_says(
    served: Served, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    served.app.log.propagate = True
    long = "%1b%0a" * 4_000
    for place in ("sales", "", "api/servers", "api/tokens/" + "x" * 5_000):
        url = f"mcp-jupyter/{place}?x={long}"
        assert (await client.get(url, headers={"Referer": f"http://x/{long}"})).status_code in (401, 403, 405)
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert any("api/tokens" in line for line in lines)
    assert max(map(len, lines)) <= 400


async def test_what_a_request_says_of_itself_is_cut_in_the_log(
    served: Served, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Method, Host, Accept and User-Agent are cut, of refusals and of errors of the server (1.31)."""
    served.app.log.propagate = True
    token, long = served.token(), "x" * 10_000
    for place in (NAME, "", "api/servers", "api/tokens"):
        answer = await client.request("M" * 20_000, f"mcp-jupyter/{place}", headers={"User-Agent": long})
        assert answer.status_code in (403, 405)
    served.extension.store.path.chmod(0o644)
    headers = {name: f"{token} {long}" for name in ("User-Agent", "Accept")}
    said = {**JSON, **headers, "Authorization": f"Bearer {token}"}
    for place in (NAME, ""):
        answer = await client.post(f"mcp-jupyter/{place}", headers=said, content="{}")
        assert answer.status_code == 503  # of these, Jupyter's log shows headers
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert any('"User-Agent": "mcpj_' in line for line in lines)
    assert max(map(len, lines)) <= 600
    assert [line for line in lines if token[14:] in line] == []


async def test_a_large_body_is_refused_before_it_is_sent(served: Served, notebook: Listener) -> None:
    for credential, status in (
        (b"", b"413"),
        (f"Authorization: Bearer {served.token()}\r\n".encode(), b"413"),
    ):
        head = (
            b"POST " + served.notebook_url().removeprefix(served.origin).encode() + b" HTTP/1.1\r\n"
            b"Host: localhost\r\nContent-Type: application/json\r\n"
            + credential
            + b"Content-Length: 300000000\r\n\r\n"
        )
        with anyio.fail_after(10):
            async with await anyio.connect_tcp("127.0.0.1", served.app.port) as stream:
                await stream.send(head)
                assert (await stream.receive()).split(b" ")[1] == status
