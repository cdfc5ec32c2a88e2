# SPDX-License-Identifier: BSD-3-Clause
"""Signing in from a cell, in a real browser: cookies, a redirect from another site, the saved notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Page, expect
from tornado.web import RequestHandler

from mcp_jupyter.extension.oauth_callback import ARRIVED, UNKNOWN
from mcp_jupyter.ipc.rendezvous import CALLBACK_PATH
from tests.client.auth.world import World, world

from .conftest import Jupyter
from .lab import choose, empty_notebook, open_notebook, run_cell, write_notebook

pytestmark = pytest.mark.browser

CELL = """
import httpx2
from IPython.display import display
from mcp_jupyter.notebook_client.oauth import CellSignIn

async with httpx2.AsyncClient(auth=CellSignIn(display, URL).auth, trust_env=False, timeout=60) as http:
    print((await http.get(URL)).text)
"""


@pytest.fixture
def authority() -> Iterator[World]:
    """A protected server, and an authorization server whose page has a button."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(world()) as made:

        def authorize(handler: RequestHandler) -> None:
            if handler.request.method == "POST":
                made._authorize(handler)  # redirects, as after a password
            else:
                action = html.escape(f"/authorize?{handler.request.query}")
                handler.finish(f'<form method="post" action="{action}"><button>Agree</button></form>')

        made.routes["/authorize"] = authorize
        yield made


def test_a_person_signs_in_and_the_cell_goes_on(page: Page, jupyter: Jupyter, authority: World) -> None:
    assert "//localhost" in jupyter.url, "another site than the authorization server's 127.0.0.1"
    file = write_notebook(jupyter, "sign-in.ipynb", empty_notebook())
    open_notebook(page, jupyter, "sign-in.ipynb")
    outputs = run_cell(page, CELL.replace("URL", repr(authority.server)))
    link = outputs.get_by_role("link", name="Sign in at 127.0.0.1")
    with page.expect_popup() as opened:
        link.click()
    tab = opened.value
    tab.get_by_role("button", name="Agree").click()
    expect(tab.locator("body")).to_have_text(ARRIVED)
    assert tab.url.startswith(f"{jupyter.url}{CALLBACK_PATH}?")
    assert tab.evaluate("window.opener") is None
    expect(outputs.filter(has_text="Signed in at 127.0.0.1.")).to_be_visible()
    expect(outputs.filter(has_text="welcome")).to_be_visible()
    tab.reload()
    expect(tab.locator("body")).to_have_text(UNKNOWN)
    choose(page, "File", "Save Notebook")
    expect(page.locator("#jp-main-dock-panel .jp-mod-dirty")).to_have_count(0)
    (question,) = authority.asked("/authorize")
    saved = file.read_text()
    assert "Signed in at 127.0.0.1." in saved
    assert question["state"] not in saved
