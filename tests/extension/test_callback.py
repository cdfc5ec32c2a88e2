# SPDX-License-Identifier: BSD-3-Clause
"""The page that a sign-in ends at: who may bring an answer, what becomes of it, what is shown and logged."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from traitlets import TraitError

from mcp_jupyter.extension.app import McpJupyterApp
from mcp_jupyter.extension.oauth_callback import ARRIVED, REFUSED, UNKNOWN
from mcp_jupyter.ipc.rendezvous import CALLBACK_PATH, SIGN_INS, announced
from tests.conftest import JupyterDirs

from .support import JUPYTER_TOKEN, Served, run_server

pytestmark = pytest.mark.anyio

PERSON = {"Authorization": f"token {JUPYTER_TOKEN}"}
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
"""What a browser says when another site sends it to a page."""


@pytest.fixture
def state(jupyter_dirs: JupyterDirs) -> str:
    """A state that a kernel waits for."""
    state = secrets.token_urlsafe(32)
    SIGN_INS.ask(state, 60, jupyter_dirs.runtime)
    return state


@pytest.fixture
async def browser(served: Served) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser whose person is logged in."""
    headers = FROM_ELSEWHERE
    async with httpx2.AsyncClient(base_url=served.url, headers=headers, timeout=20) as client:
        await client.get("api/status", headers=PERSON)
        yield client


async def test_the_answer_reaches_the_kernel_that_waits(
    browser: httpx2.AsyncClient, state: str, jupyter_dirs: JupyterDirs
) -> None:
    page = await browser.get(
        CALLBACK_PATH, params={"code": "abc", "state": state, "iss": "https://a.example"}
    )
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert ARRIVED in page.text
    query = SIGN_INS.collect(state, jupyter_dirs.runtime)
    assert query is not None
    assert f"code=abc&state={state}".encode() in query


async def test_a_refusal_reaches_it_too(
    browser: httpx2.AsyncClient, state: str, jupyter_dirs: JupyterDirs
) -> None:
    page = await browser.get(CALLBACK_PATH, params={"error": "access_denied", "state": state})
    assert ARRIVED in page.text
    assert "access_denied" in str(SIGN_INS.collect(state, jupyter_dirs.runtime))


async def test_what_nobody_waits_for_gets_one_page_whatever_the_reason(
    browser: httpx2.AsyncClient, state: str, jupyter_dirs: JupyterDirs
) -> None:
    late = secrets.token_urlsafe(32)
    SIGN_INS.ask(late, 0, jupyter_dirs.runtime)
    await browser.get(CALLBACK_PATH, params={"code": "abc", "state": state})
    pages = [
        await browser.get(CALLBACK_PATH, params={"code": "abc", "state": wrong})
        for wrong in (state, late, secrets.token_urlsafe(32), "", "../../x")
    ]
    assert {page.status_code for page in pages} == {400}
    assert len({page.text for page in pages}) == 1
    assert UNKNOWN in pages[0].text


@pytest.mark.parametrize("parameter", ["code", "state", "iss", "error", "error_description", "next"])
async def test_nothing_of_the_answer_is_shown_or_followed(
    browser: httpx2.AsyncClient, state: str, parameter: str
) -> None:
    poison = "https://evil.example/<script>alert(1)</script>"
    for query in ({parameter: poison}, {"code": "abc", "state": state, parameter: poison}):
        page = await browser.get(CALLBACK_PATH, params=query)
        assert "location" not in page.headers
        assert "evil" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"


async def test_who_is_not_logged_in_is_told_so_and_may_come_back(
    served: Served, browser: httpx2.AsyncClient, client: httpx2.AsyncClient, state: str
) -> None:
    answer = {"code": "abc", "state": state}
    token = served.token(servers=["*"])
    for headers in ({}, {"Authorization": f"Bearer {token}"}, {"Authorization": f"token {token}"}):
        page = await client.get(CALLBACK_PATH, params=answer, headers=FROM_ELSEWHERE | headers)
        assert (page.status_code, "location" in page.headers) == (403, False)
        assert REFUSED in page.text
        assert "set-cookie" not in page.headers
    assert ARRIVED in (await browser.get(CALLBACK_PATH, params=answer)).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Dest": "iframe"},
    ],
)
async def test_only_a_person_who_goes_there_brings_an_answer(
    browser: httpx2.AsyncClient, state: str, headers: dict[str, str]
) -> None:
    answer = {"code": "abc", "state": state}
    page = await browser.get(CALLBACK_PATH, params=answer, headers=headers)
    assert (page.status_code, REFUSED in page.text) == (403, True)
    assert ARRIVED in (await browser.get(CALLBACK_PATH, params=answer)).text


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "HEAD"])
async def test_it_is_for_looking_at(browser: httpx2.AsyncClient, state: str, verb: str) -> None:
    answer = {"code": "abc", "state": state}
    assert (await browser.request(verb, CALLBACK_PATH, params=answer)).status_code in (403, 405)
    assert ARRIVED in (await browser.get(CALLBACK_PATH, params=answer)).text


async def test_no_log_has_the_answer(
    served: Served,
    browser: httpx2.AsyncClient,
    client: httpx2.AsyncClient,
    state: str,
    jupyter_dirs: JupyterDirs,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    served.app.log.propagate = True
    answer = {"code": "canary-code-51c7", "state": state, "%63ode": "canary-code-51c7"}
    await client.get(CALLBACK_PATH, params=answer)
    await browser.get(CALLBACK_PATH, params=answer)
    await browser.get(CALLBACK_PATH, params=answer)
    SIGN_INS.ask(state, 60, jupyter_dirs.runtime)
    jupyter_dirs.runtime.chmod(0o500)
    await browser.get(CALLBACK_PATH, params=answer)
    jupyter_dirs.runtime.chmod(0o700)
    lines = [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx2", "httpcore2"))
    ]
    written = "\n".join(lines) + "".join(capfd.readouterr())
    assert written.count(f"GET {served.app.base_url}{CALLBACK_PATH} ") >= 4
    assert "canary" not in written
    assert state not in written


# -- what kernels are told -------------------------------------------------------------------------


def said(jupyter_dirs: JupyterDirs) -> str | None:
    """What a kernel of this process finds."""
    return announced(jupyter_dirs.runtime, {"JPY_PARENT_PID": str(os.getpid())})


async def test_kernels_are_told_the_address_that_people_see(jupyter_dirs: JupyterDirs) -> None:
    async with run_server(jupyter_dirs, custom_display_url="https://hub.example/lab/") as served:
        assert said(jupyter_dirs) is None
        await served.app.extension_manager.start_all_extensions()
        assert said(jupyter_dirs) == f"https://hub.example/lab/{CALLBACK_PATH}"
    assert said(jupyter_dirs) is None


async def test_an_administrator_has_the_last_word(jupyter_dirs: JupyterDirs) -> None:
    url = "https://proxy.example/jupyter/mcp-jupyter/api/oauth/callback"
    async with run_server(jupyter_dirs, more={"McpJupyterApp": {"callback_url": url}}) as served:
        await served.app.extension_manager.start_all_extensions()
        assert said(jupyter_dirs) == url


@pytest.mark.parametrize(
    ("public", "expected"),
    [(None, None), ("https://hub.example/user/a%40b/", f"https://hub.example/user/a%40b/{CALLBACK_PATH}")],
)
async def test_under_a_hub_the_public_address_counts(
    jupyter_dirs: JupyterDirs, monkeypatch: pytest.MonkeyPatch, public: str | None, expected: str | None
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/a%40b/")
    if public is not None:
        monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", public)
    async with run_server(jupyter_dirs) as served:
        await served.app.extension_manager.start_all_extensions()
        assert said(jupyter_dirs) == expected


@pytest.mark.parametrize("url", ["hub.example", "javascript:alert(1)", "https://hub.example/?next=x"])
def test_a_callback_url_that_cannot_be_one_is_refused(url: Any) -> None:
    with pytest.raises(TraitError, match="callback_url"):
        McpJupyterApp(callback_url=url)
