# SPDX-License-Identifier: BSD-3-Clause
"""Signing in from a cell: what the cell shows, which way the answer comes, and where the tokens are kept."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import anyio
import httpx2
import pytest
from tornado.web import RequestHandler

from mcp_jupyter.client.auth import MemoryStorage
from mcp_jupyter.errors import AuthorizationFailed, ConfigError
from mcp_jupyter.ipc.rendezvous import CALLBACK_PATH
from mcp_jupyter.notebook_client.oauth import CellSignIn, SignInCard, UpdatableDisplay, storage_of
from tests.client.auth.world import World, client, world
from tests.conftest import JupyterDirs
from tests.extension.support import JUPYTER_TOKEN, Served, run_server
from tests.kernel.live import in_thread
from tests.live.parts import JUPYTER_TOKEN as TOKEN_OF_PROCESS
from tests.live.parts import Notebook, jupyter_server

pytestmark = pytest.mark.anyio

PERSON = {"Authorization": f"token {JUPYTER_TOKEN}"}
ANSWER_SECONDS = 30


def href(card: str) -> str:
    """Where the link of a card's HTML leads."""
    found = re.search(r'href="([^"]*)"', card)
    assert found is not None, card
    return html.unescape(found[1])


class Cell:
    """An output of a notebook: what is shown is in the place of what was."""

    def __init__(self) -> None:
        self.shown: list[Any] = []
        self._changed = anyio.Event()

    def show(self, shown: object) -> None:
        assert isinstance(shown, UpdatableDisplay)
        assert shown.is_first == (not self.shown)
        self.shown.append(shown.thing)
        self._changed.set()

    async def link(self) -> str:
        """The link, once there is one."""
        with anyio.fail_after(ANSWER_SECONDS):
            await self._changed.wait()
        return href(self.shown[0]._repr_html_())


@pytest.fixture
async def jupyter(jupyter_dirs: JupyterDirs, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A Jupyter Server that has started this process, as a kernel sees it."""
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    async with run_server(jupyter_dirs) as served:
        await served.app.extension_manager.start_all_extensions()
        yield served


@pytest.fixture
async def browser(jupyter: Served) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser, wherever it is, whose person is logged in to Jupyter."""
    async with httpx2.AsyncClient(follow_redirects=True, timeout=20, trust_env=False) as made:
        await made.get(f"{jupyter.url}api/status", headers=PERSON)
        yield made


async def signed_in(cell: Cell, auth: httpx2.Auth, url: str, visit: Callable[[str], Any]) -> str:
    """The first answer of a server, for which somebody follows the link that the cell shows."""
    answers: list[httpx2.Response] = []

    async def ask() -> None:
        async with client(auth) as http:
            answers.append(await http.get(url))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await visit(await cell.link())
    return answers[0].text


async def test_the_answer_comes_through_the_jupyter_server(
    jupyter: Served, browser: httpx2.AsyncClient, jupyter_dirs: JupyterDirs
) -> None:
    cell = Cell()
    async with world() as w:
        auth = CellSignIn(cell.show, w.server).auth
        assert await signed_in(cell, auth, w.server, browser.get) == "welcome"
        async with client(auth) as http:
            assert (await http.get(w.server)).text == "welcome"
    assert repr(cell.shown[1:]) == "[Signed in at 127.0.0.1.]"
    assert w.registered[0]["redirect_uris"] == [jupyter.url + CALLBACK_PATH]
    assert w.registered[0]["application_type"] == "native"
    assert [path for path in jupyter_dirs.runtime.iterdir() if "sign-in" in path.name] == []


async def test_the_link_is_in_no_text_and_in_nothing_that_stays(
    jupyter: Served, browser: httpx2.AsyncClient
) -> None:
    cell = Cell()
    async with world() as w:
        await signed_in(cell, CellSignIn(cell.show, w.server).auth, w.server, browser.get)
        (question,) = w.asked("/authorize")
    card, done = cell.shown
    assert question["state"] not in repr(card)
    assert "http" not in repr(card)
    assert "href" not in done._repr_html_()
    assert question["state"] not in repr(done) + done._repr_html_()


async def test_a_refusal_ends_it_and_the_cell_says_so(jupyter: Served, browser: httpx2.AsyncClient) -> None:
    cell = Cell()
    async with world() as w:
        w.answer = {"code": None, "error": "access_denied"}
        auth = CellSignIn(cell.show, w.server).auth
        with pytest.RaisesGroup(pytest.RaisesExc(AuthorizationFailed, match="access_denied")):
            await signed_in(cell, auth, w.server, browser.get)
    assert repr(cell.shown[-1]) == "The sign-in at 127.0.0.1 did not succeed."


async def test_the_answer_of_another_authorization_server_is_not_used(
    jupyter: Served, browser: httpx2.AsyncClient
) -> None:
    cell = Cell()
    async with world() as w:
        w.answer = {"iss": "https://evil.example"}
        with pytest.RaisesGroup(pytest.RaisesExc(AuthorizationFailed, match="another authorization server")):
            await signed_in(cell, CellSignIn(cell.show, w.server).auth, w.server, browser.get)
        assert w.asked("/token") == []


async def test_who_stops_waiting_leaves_nothing(jupyter: Served, jupyter_dirs: JupyterDirs) -> None:
    cell = Cell()
    async with (
        world() as w,
        client(CellSignIn(cell.show, w.server).auth) as http,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(http.get, w.server)
        await cell.link()
        assert [path for path in jupyter_dirs.runtime.iterdir() if "sign-in" in path.name]
        tasks.cancel_scope.cancel()
    assert [path for path in jupyter_dirs.runtime.iterdir() if "sign-in" in path.name] == []
    assert repr(cell.shown[-1]) == "The sign-in at 127.0.0.1 did not succeed."


async def test_a_browser_that_is_not_logged_in_brings_nothing(
    jupyter: Served, browser: httpx2.AsyncClient
) -> None:
    cell = Cell()
    pages: list[httpx2.Response] = []

    async def visit(link: str) -> None:
        async with httpx2.AsyncClient(follow_redirects=True, timeout=20, trust_env=False) as stranger:
            pages.append(await stranger.get(link))
        await browser.get(pages[0].url)  # the same address, once logged in

    async with world() as w:
        assert await signed_in(cell, CellSignIn(cell.show, w.server).auth, w.server, visit) == "welcome"
    assert pages[0].status_code == 403


async def test_without_a_jupyter_server_a_port_of_this_machine_takes_it(jupyter_dirs: JupyterDirs) -> None:
    cell = Cell()
    async with world() as w:
        auth = CellSignIn(cell.show, w.server).auth
        assert await signed_in(cell, auth, w.server, w.browse) == "welcome"
        (wish,) = w.registered
    assert wish["redirect_uris"][0].startswith("http://127.0.0.1:")
    assert w.asked("/authorize")[0]["state"] in repr(cell.shown[0]), "a console shows text alone"
    assert repr(cell.shown[-1]) == "Signed in at 127.0.0.1."


async def test_what_the_person_gives_comes_first(jupyter: Served) -> None:
    cell, url = Cell(), f"https://hub.example/user/ann/{CALLBACK_PATH}"
    async with world() as w, client(CellSignIn(cell.show, w.server, callback_url=url).auth) as http:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.get, w.server)
            await cell.link()
            tasks.cancel_scope.cancel()
        (wish,) = w.registered
    assert (wish["redirect_uris"], wish["application_type"]) == ([url], "web")


@pytest.mark.parametrize("url", ["hub.example", "javascript:alert(1)", "https://hub.example/?a=b"])
def test_a_callback_that_cannot_be_one_is_refused(url: str, jupyter_dirs: JupyterDirs) -> None:
    with pytest.raises(ConfigError, match=CALLBACK_PATH):
        CellSignIn(print, "https://example.com/mcp", callback_url=url)


# -- tokens ----------------------------------------------------------------------------------------


async def test_another_kernel_needs_no_other_sign_in(
    jupyter: Served, browser: httpx2.AsyncClient, jupyter_dirs: JupyterDirs
) -> None:
    async with world() as w:
        first, second = Cell(), Cell()
        await signed_in(first, CellSignIn(first.show, w.server, alias="a").auth, w.server, browser.get)
        async with client(CellSignIn(second.show, w.server, alias="a").auth) as http:
            assert (await http.get(w.server)).text == "welcome"
        assert second.shown == []
        files = [path for path in (jupyter_dirs.data / "mcp_jupyter").rglob("*") if path.is_file()]
        folders = [jupyter_dirs.data / "mcp_jupyter", *{path.parent for path in files}]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


async def test_two_names_are_two_accounts(jupyter: Served, browser: httpx2.AsyncClient) -> None:
    async with world() as w:
        for alias in ("mine", "theirs"):
            cell = Cell()
            await signed_in(cell, CellSignIn(cell.show, w.server, alias=alias).auth, w.server, browser.get)
        for alias, token in (("mine", 1), ("theirs", 2)):
            kept = await storage_of(alias).get_tokens(w.server)
            assert kept is not None
            assert kept.access_token == f"access-token-number-{token}"


async def test_a_client_that_is_known_beforehand_is_not_registered(
    jupyter: Served, browser: httpx2.AsyncClient
) -> None:
    cell = Cell()
    async with world() as w:
        auth = CellSignIn(
            cell.show, w.server, storage=MemoryStorage(), client_id="mine", issuer=w.issuer
        ).auth
        assert await signed_in(cell, auth, w.server, browser.get) == "welcome"
        assert (w.registered, w.asked("/token")[0]["client_id"]) == ([], "mine")


# -- the card --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://xn--80ak6aa92e.example/a", "xn--80ak6aa92e.example"),
        ("https://example.com.evil.example:8443/example.com", "example.com.evil.example"),
    ],
)
def test_the_host_is_shown_as_the_network_knows_it(url: str, host: str) -> None:
    card = SignInCard(url, through_jupyter=True)
    assert f">Sign in at {host}</a>" in card._repr_html_()
    assert repr(card).startswith(f"Sign in at {host}\n")


async def test_what_the_authorization_server_says_is_text(jupyter: Served) -> None:
    cell = Cell()
    async with world() as w, client(CellSignIn(cell.show, w.server).auth) as http:
        w.metadata["authorization_endpoint"] += '?a="><script>alert(1)</script>\u202e&state=theirs'
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.get, w.server)
            link = await cell.link()
            tasks.cancel_scope.cancel()
    shown = cell.shown[0]._repr_html_()
    assert "<script" not in shown
    assert "\u202e" not in shown
    assert shown.count("<a ") == 1
    assert 'target="_blank" rel="noopener noreferrer"' in shown
    assert link.startswith(f"{w.issuer}/authorize?a=")


# -- the whole way ---------------------------------------------------------------------------------


class Outputs:
    """The outputs of a cell that runs, as a notebook would save them."""

    def __init__(self) -> None:
        self.html: dict[object, str] = {}
        self.printed = ""

    def take(self, message: Mapping[str, Any]) -> None:
        """Take a message of the kernel's."""
        content = message["content"]
        if message["msg_type"] in ("display_data", "update_display_data"):
            place = content["transient"].get("display_id", len(self.html))
            self.html[place] = content["data"].get("text/html", "") + content["data"]["text/plain"]
        self.printed += content.get("text", "")

    @property
    def saved(self) -> str:
        """All that is there now."""
        return "\n".join(self.html.values()) + self.printed


def speaks_mcp(w: World) -> Callable[[RequestHandler], None]:
    """A server with one tool, for who has a token."""
    server = {"name": "weather", "version": "1"}
    results = {
        "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": server},
        "tools/list": {"tools": [{"name": "forecast", "inputSchema": {"type": "object"}}]},
    }

    def answer(handler: RequestHandler) -> None:
        message = json.loads(handler.request.body or b'{"method": ""}')
        if handler.request.headers.get("Authorization", "").removeprefix("Bearer ") not in w.tokens:
            handler.set_status(401)
            handler.set_header("WWW-Authenticate", w.challenge)
        elif message["method"] in results:
            handler.finish({"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]})
        elif "id" in message:
            error = {"code": -32601, "message": "There is no such method."}
            handler.finish({"jsonrpc": "2.0", "id": message["id"], "error": error})
        else:
            handler.set_status(202 if message["method"] else 405)

    return answer


@pytest.mark.slow
async def test_a_kernel_a_jupyter_server_and_a_browser_are_three_processes(jupyter_dirs: JupyterDirs) -> None:
    async with world() as w:
        w.routes["/mcp"] = speaks_mcp(w)
        outputs = Outputs()
        with jupyter_server(jupyter_dirs) as server:
            opened = server.notebook("signs-in.ipynb", "%load_ext mcp_jupyter")
            notebook = await in_thread(opened.__enter__)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(
                        in_thread, _run, notebook, f"%mcp_connect weather {w.server} --oauth", outputs
                    )
                    await _browse(server.url, outputs)
                assert (await notebook.arun("weather.definitions.keys()")).result is not None
            finally:
                await in_thread(opened.__exit__, None, None, None)
        log = server.log.read_text()
    (question,) = w.asked("/authorize")
    assert "Signed in at 127.0.0.1." in outputs.saved
    assert "forecast" in outputs.saved
    assert question["state"] not in outputs.saved
    assert question["state"] not in log
    assert "the-code-of-this-sign-in" not in log
    assert [path.name for path in jupyter_dirs.runtime.glob("mcp-*") if path.suffix != ".json"] == []


def _run(notebook: Notebook, source: str, outputs: Outputs) -> None:
    reply = notebook.client.execute_interactive(
        source, timeout=ANSWER_SECONDS, output_hook=outputs.take, allow_stdin=False
    )
    assert reply["content"]["status"] == "ok", reply["content"]


async def _browse(url: str, outputs: Outputs) -> None:
    """Follow the link, in a browser that is logged in to Jupyter by its cookie."""
    with anyio.fail_after(ANSWER_SECONDS):
        while "href" not in outputs.saved:
            await anyio.sleep(0.02)
    async with httpx2.AsyncClient(follow_redirects=True, timeout=20, trust_env=False) as browser:
        await browser.get(f"{url}api/status", headers={"Authorization": f"token {TOKEN_OF_PROCESS}"})
        page = await browser.get(href(outputs.saved))
    assert page.status_code == 200
    assert str(page.url).startswith(f"{url}{CALLBACK_PATH}?")
