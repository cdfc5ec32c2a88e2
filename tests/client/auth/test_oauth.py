# SPDX-License-Identifier: BSD-3-Clause
"""Signing in at an honest authorization server: what is sent, what is kept, and when the person is asked."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
import pytest
from tornado.web import RequestHandler

from mcp_jupyter.client.auth import FileStorage, MemoryStorage, OAuth
from mcp_jupyter.errors import AuthorizationFailed

from .world import REDIRECT_URI, client, listening, world

pytestmark = pytest.mark.anyio


async def test_a_person_signs_in_once_and_the_token_goes_with_every_request() -> None:
    async with world() as w, client(w.oauth()) as http:
        for _ in range(2):
            assert (await http.post(w.server, content=b"{}")).text == "welcome"
    assert w.headers == [None, *["Bearer access-token-number-1"] * 2]
    (question,) = w.asked("/authorize")
    assert question["resource"] == w.server
    assert question["scope"] == "read"
    assert question["code_challenge_method"] == "S256"
    assert question["redirect_uri"] == REDIRECT_URI
    (exchange,) = w.asked("/token")
    assert exchange["resource"] == w.server
    assert exchange["client_id"] == "client-1"


async def test_the_loopback_takes_the_answer_of_a_real_browser() -> None:
    async with world() as w:
        auth = w.oauth(redirect_handler=w.browse, callback_handler=None, client_metadata=None)
        async with client(auth) as http, anyio.create_task_group() as tasks:

            async def visit(url: str) -> None:
                tasks.start_soon(w.browse, url)

            auth._show = visit  # a browser of its own, as webbrowser.open is
            assert (await http.get(w.server)).text == "welcome"
    assert "answer has arrived" in w.granted["page"].text
    (wish,) = w.registered
    assert wish["application_type"] == "native"
    assert wish["redirect_uris"][0].startswith("http://127.0.0.1:")


async def test_requests_that_come_together_share_one_sign_in() -> None:
    async with world() as w, client(w.oauth()) as http, anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(http.get, w.server)
    assert len(w.asked("/authorize")) == 1


async def test_requests_that_waited_for_a_failed_sign_in_do_not_ask_again() -> None:
    failures = []

    async with world() as w, client(w.oauth()) as http:
        w.answer = {"code": None, "error": "access_denied"}

        async def ask() -> None:
            with pytest.raises(AuthorizationFailed, match="access_denied") as caught:
                await http.get(w.server)
            failures.append(caught.value)

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask)
    assert len(failures) == 8
    assert len(w.asked("/authorize")) == 1


async def test_a_request_after_a_failed_sign_in_asks_anew_while_others_still_hear_of_the_failure() -> None:
    """A failure is passed on to those that waited for it, not to later requests (1.23)."""
    async with world() as w, client(w.oauth()) as http:
        w.answer = {"code": None, "error": "access_denied"}
        welcomed = []

        async def ask() -> None:
            with pytest.raises(AuthorizationFailed, match="access_denied"):
                await http.get(w.server)
            w.answer = {}
            welcomed.append((await http.get(w.server)).text)

        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(ask)
    assert welcomed == ["welcome"] * 40
    assert len(w.asked("/authorize")) == 2


async def test_an_expired_token_is_refreshed_and_the_refresh_token_replaced() -> None:
    storage = MemoryStorage()
    async with world() as w, client(w.oauth(storage=storage)) as http:
        w.token = {"expires_in": 1}
        await http.get(w.server)
        w.token = {}
        assert (await http.get(w.server)).text == "welcome"
        kept = await storage.get_tokens(w.server)
    assert len(w.asked("/authorize")) == 1
    assert w.asked("/token")[1]["refresh_token"] == "refresh-token-number-1"
    assert kept is not None
    assert kept.refresh_token == "refresh-token-number-2"


async def test_a_refused_refresh_token_leads_to_a_new_sign_in() -> None:
    async with world() as w, client(w.oauth()) as http:
        await http.get(w.server)
        w.tokens.clear()  # revoked

        refusals = iter([{"error": "invalid_grant"}, None])
        exchange = w._token

        def token(handler: RequestHandler) -> None:
            w.refusal = next(refusals)
            exchange(handler)

        w.routes["/token"] = token
        assert (await http.get(w.server)).text == "welcome"
    assert [form["grant_type"] for form in w.asked("/token")] == [
        *("authorization_code", "refresh_token", "authorization_code")
    ]


async def test_a_request_that_needs_more_gets_the_union_of_scopes() -> None:
    async with world() as w, client(w.oauth()) as http:
        await http.get(w.server)
        w.needs = {"write"}
        assert (await http.get(w.server)).text == "welcome"
    assert [form["scope"] for form in w.asked("/authorize")] == ["read", "read write"]


@pytest.mark.parametrize("supported", [["read", "write"], ["read"], None])
async def test_a_refusal_that_names_no_scopes_is_answered_with_those_of_the_metadata(
    supported: list[str] | None,
) -> None:
    """As at the first sign-in; where they add nothing, the refusal stands and the user is not asked."""
    async with world() as w, client(w.oauth()) as http:
        await http.get(w.server)
        w.needs, w.names_scopes = {"write"}, False
        if supported is not None:
            w.resource["scopes_supported"] = supported
        answers = [(await http.get(w.server)).status_code for _ in range(2)]
    helps = supported == ["read", "write"]
    assert answers == ([200, 200] if helps else [403, 403])
    assert [form["scope"] for form in w.asked("/authorize")] == ["read", *["read write"] * helps]


async def test_a_server_that_is_never_content_does_not_bother_the_person_for_ever() -> None:
    async with world() as w, client(w.oauth()) as http:
        w.needs = {"never"}
        w.tokens = {}
        authorize = w._authorize

        def less(handler: RequestHandler) -> None:
            authorize(handler)
            w.granted["scope"] = "read"

        w.routes["/authorize"] = less
        for _ in range(3):
            assert (await http.get(w.server)).status_code == 403
    assert len(w.asked("/authorize")) <= 3


async def test_a_fresh_token_that_is_refused_is_the_end_of_it() -> None:
    statuses = []

    async with world() as w, client(w.oauth()) as http:
        w.routes["/mcp"] = lambda handler: handler.set_status(401)

        async def ask() -> None:
            statuses.append((await http.get(w.server)).status_code)

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask)
        await ask()
    assert statuses == [401] * 9
    assert len(w.asked("/authorize")) == 1


async def test_a_secret_in_the_servers_url_is_not_shown_to_the_authorization_server() -> None:
    async with world() as w:
        secret_url = w.server.replace("http://", "http://me:pass-word@") + "?token=pass-word"
        w.routes["/.well-known/oauth-protected-resource/mcp"] = lambda handler: handler.set_status(404)
        auth = OAuth(
            secret_url,
            issuer=w.issuer,
            redirect_handler=w.visit,
            callback_handler=w.come_back,
            client_metadata={"redirect_uris": [REDIRECT_URI]},
        )
        async with client(auth) as http:
            assert (await http.get(secret_url)).text == "welcome"
    assert w.asked("/token")[0]["resource"] == w.server
    assert "pass-word" not in repr(w.seen)


@pytest.mark.parametrize("offered", [True, False])
async def test_offline_access_is_asked_for_only_where_it_exists(offered: bool) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.metadata["scopes_supported"] = ["read", "offline_access"] if offered else ["read"]
        await http.get(w.server)
    (question,) = w.asked("/authorize")
    assert ("offline_access" in question["scope"].split()) is offered


async def test_scopes_come_from_the_metadata_or_are_left_out() -> None:
    async with world() as w, client(w.oauth()) as http:
        w.challenge, w.needs = "Bearer", set()
        await http.get(w.server)
        w.tokens.clear()
        w.resource["scopes_supported"] = ["a", "b"]
        w.token = {"refresh_token": ""}
        async with client(w.oauth()) as other:
            await other.get(w.server)
    first, second = w.asked("/authorize")
    assert "scope" not in first
    assert second["scope"] == "a b"


async def test_registrations_are_the_issuers_own() -> None:
    storage = MemoryStorage()
    async with world() as w, listening(w.authority) as second, client(w.oauth(storage=storage)) as http:
        await http.get(w.server)
        first = w.issuer
        w.tokens.clear()
        w.issuer = second
        w.metadata = {
            name: value.replace(first, second) if isinstance(value, str) else value
            for name, value in w.metadata.items()
        }
        w.resource["authorization_servers"] = [second]

        def changed(handler: RequestHandler) -> None:
            w.tokens.pop("access-token-number-2", None)  # the first issuer still refreshes; nobody takes it
            w._serve(handler)

        w.routes["/mcp"] = changed
        assert (await http.get(w.server)).text == "welcome"
        assert (await storage.get_client(first)) != (await storage.get_client(second))
    assert len(w.registered) == 2
    assert w.asked("/authorize")[1]["client_id"] == "client-2"


async def test_a_client_with_a_document_of_its_own_does_not_register() -> None:
    document = "https://example.com/client.json"
    async with world() as w, client(w.oauth(client_metadata_url=document)) as http:
        w.metadata["client_id_metadata_document_supported"] = True
        await http.get(w.server)
    assert w.registered == []
    assert w.asked("/authorize")[0]["client_id"] == document


async def test_a_client_registered_beforehand_shows_its_secret_to_its_issuer_only() -> None:
    async with world() as w:
        w.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
        secret = {"client_id": "mine", "client_secret": "a:secret"}
        async with client(w.oauth(**secret, issuer=w.issuer)) as http:
            await http.get(w.server)
        assert w.granted["basic"] == "Basic bWluZTphJTNBc2VjcmV0"
        w.tokens.clear()
        with pytest.raises(ValueError, match="issuer="):
            w.oauth(**secret)
        async with client(w.oauth(**secret, issuer="https://elsewhere.example")) as http:
            with pytest.raises(AuthorizationFailed, match="does not take tokens of"):
                await http.get(w.server)


async def test_tokens_outlive_the_process_in_private_files(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    async with world() as w:
        for _ in range(2):
            async with client(w.oauth(storage=FileStorage(folder))) as http:
                assert (await http.get(w.server)).text == "welcome"
    assert len(w.asked("/authorize")) == 1
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    (tokens,) = folder.glob("tokens-*")
    tokens.chmod(0o644)
    with pytest.raises(AuthorizationFailed, match="open to other users"):
        await FileStorage(folder).get_tokens(w.server)


async def test_a_server_without_resource_metadata_is_its_own_authorization_server() -> None:
    async with world() as w:
        missing = w.oauth()
        w.routes["/.well-known/oauth-protected-resource/mcp"] = lambda handler: handler.set_status(404)
        async with client(missing) as http:
            with pytest.raises(AuthorizationFailed, match="publishes no metadata"):
                await http.get(w.server)
        async with client(w.oauth(issuer=w.issuer)) as http:
            assert (await http.get(w.server)).text == "welcome"


async def test_no_secret_is_in_a_log_a_repr_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    storage = MemoryStorage()
    async with world() as w, client(w.oauth(storage=storage)) as http:
        with caplog.at_level(logging.DEBUG):
            await http.get(w.server)
        kept = await storage.get_tokens(w.server)
        w.tokens.clear()
        refresh = "refresh-token-number-1"
        w.refusal = {"error": "invalid_grant", "error_description": f"{refresh} and {{code}} are gone"}

        def echo(handler: RequestHandler) -> None:
            handler.set_status(400)
            handler.finish({"error": "invalid_grant", "error_description": handler.request.body.decode()})

        w.routes["/token"] = echo
        with caplog.at_level(logging.DEBUG), pytest.raises(AuthorizationFailed) as caught:
            await http.get(w.server)
    said = caplog.text + repr(kept) + str(caught.value)
    for secret in ("access-token-number", refresh, "the-code-of-this-sign-in"):
        assert secret not in said
