# SPDX-License-Identifier: BSD-3-Clause
"""A server of 2025-03-26 that publishes no metadata: its default endpoints, and who is not sent there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.web import RequestHandler

from mcp_jupyter import Client
from mcp_jupyter.client.auth import MemoryStorage
from mcp_jupyter.client.auth.metadata import default_server
from mcp_jupyter.errors import AuthorizationFailed, McpError, MetadataAbsent

from .world import World, client, world

pytestmark = pytest.mark.anyio

RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"

Page = Callable[[RequestHandler], None]


def says(status: int, body: Any = None) -> Page:
    def answer(handler: RequestHandler) -> None:
        handler.set_status(status)
        handler.finish(body)

    return answer


@asynccontextmanager
async def old_world() -> AsyncIterator[World]:
    """One origin that is server and authorization server, and publishes nothing."""
    async with world() as made:
        made.issuer = made.server.removesuffix("/mcp")
        made.answer = {"iss": None}
        made.routes |= {
            RESOURCE + "/mcp": says(404),
            "/authorize": made._authorize,
            "/token": made._token,
            "/register": made._register,
        }
        yield made


@pytest.mark.parametrize("version", [None, "2024-11-05", "2025-03-26"])
async def test_without_metadata_a_person_signs_in_at_the_default_endpoints(version: str | None) -> None:
    headers = {} if version is None else {"Mcp-Protocol-Version": version}
    async with old_world() as w, client(w.oauth()) as http:
        assert (await http.post(w.server, content=b"{}", headers=headers)).text == "welcome"
    (question,) = w.asked("/authorize")
    assert question["code_challenge_method"] == "S256"  # and the world has checked the verifier
    assert question["client_id"] == "client-1"
    assert w.registered[0]["token_endpoint_auth_method"] == "none"
    assert [form["grant_type"] for form in w.asked("/token")] == ["authorization_code"]


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28", "DRAFT"])
async def test_a_newer_version_has_no_default_endpoints(version: str) -> None:
    async with old_world() as w, client(w.oauth()) as http:
        with pytest.raises(MetadataAbsent, match="publishes no metadata"):
            await http.post(w.server, content=b"{}", headers={"Mcp-Protocol-Version": version})
    assert (w.seen, w.registered) == ([], [])


METADATA = {
    "issuer": "ISSUER",
    "authorization_endpoint": "ISSUER/authorize",
    "token_endpoint": "ISSUER/token",
}


@pytest.mark.parametrize(
    ("place", "status", "body"),
    [
        *((place, status, None) for place in (SERVER, OPENID) for status in (401, 403, 429, 500, 503)),
        *((SERVER, 200, body) for body in ("", "<html>", "[]", "{}", '{"issuer": 1}')),
        (SERVER, 200, json.dumps(METADATA)),  # no code_challenge_methods_supported
        (SERVER, 200, json.dumps({**METADATA, "token_endpoint": None})),
        *((RESOURCE + end, status, None) for end in ("", "/mcp") for status in (401, 403, 429, 500)),
        (RESOURCE, 200, "<html>"),
        (RESOURCE, 200, '{"resource": "ISSUER/mcp"}'),
        (RESOURCE + "/mcp", 200, '{"resource": "ISSUER/mcp", "authorization_servers": ["ISSUER"]}'),
    ],
)
async def test_metadata_that_is_there_and_no_good_leads_to_no_default(
    place: str, status: int, body: str | None
) -> None:
    async with old_world() as w, client(w.oauth()) as http:
        w.routes[place] = says(status, body and body.replace("ISSUER", w.issuer))
        with pytest.raises(AuthorizationFailed):
            await http.get(w.server)
    assert (w.seen, w.registered) == ([], [])


async def test_metadata_that_the_challenge_promises_leads_to_no_default() -> None:
    async with old_world() as w, client(w.oauth()) as http:
        w.challenge = f'Bearer resource_metadata="{w.issuer}{RESOURCE}/mcp"'
        with pytest.raises(AuthorizationFailed, match="answered 404"):
            await http.get(w.server)
    assert (w.seen, w.registered) == ([], [])


async def test_another_origin_has_no_default_endpoints() -> None:
    async with world() as w, client(w.oauth(issuer=w.issuer)) as http:
        w.routes |= {RESOURCE + "/mcp": says(404), SERVER: says(404)}
        with pytest.raises(AuthorizationFailed, match="publishes no metadata"):
            await http.get(w.server)
    assert (w.seen, w.registered) == ([], [])


@pytest.mark.parametrize("root", ["http://mcp.example.com", "http://10.0.0.1:8080"])
def test_default_endpoints_are_not_used_in_the_clear(root: str) -> None:
    with pytest.raises(AuthorizationFailed, match="needs https"):
        default_server(root)


@pytest.mark.parametrize("root", ["https://mcp.example.com", "http://[::1]:8080", "http://localhost"])
def test_default_endpoints_are_at_the_root(root: str) -> None:
    server = default_server(root)
    assert server.authorization_endpoint == f"{root}/authorize"
    assert server.token_endpoint == f"{root}/token"
    assert server.registration_endpoint == f"{root}/register"


async def test_a_token_that_was_kept_is_refreshed_at_the_default_endpoint() -> None:
    storage = MemoryStorage()
    async with old_world() as w:
        w.token = {"expires_in": 1}
        for _ in range(2):
            async with client(w.oauth(storage=storage)) as http:
                assert (await http.get(w.server)).text == "welcome"
        async with client(w.oauth(storage=storage)) as http:
            with pytest.raises(MetadataAbsent):
                await http.get(w.server, headers={"Mcp-Protocol-Version": "2025-06-18"})
    assert [form["grant_type"] for form in w.asked("/token")] == ["authorization_code", "refresh_token"]


async def test_who_has_no_default_endpoints_is_no_authorization_server() -> None:
    async with old_world() as w, client(w.oauth()) as http:
        w.routes["/register"] = says(404)
        with pytest.raises(AuthorizationFailed, match="publishes no metadata and registers no client"):
            await http.get(w.server)
    assert w.seen == []


async def test_a_secret_goes_to_no_server_that_answers_elsewhere() -> None:
    async with old_world() as w, client(w.oauth()) as http:
        w.routes["/register"] = lambda handler: handler.redirect("https://evil.example.com/", status=307)
        with pytest.raises(AuthorizationFailed, match="redirects"):
            await http.get(w.server)
    assert w.seen == []


def speaks_old(w: World, methods: list[str]) -> Page:
    """An MCP server of 2025-03-26, for who has a token."""

    def answer(handler: RequestHandler) -> None:
        message = json.loads(handler.request.body or b'{"method": "GET"}')
        methods.append(message["method"])
        token = handler.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in w.tokens:
            handler.set_status(401)
            handler.set_header("WWW-Authenticate", w.challenge)
        elif message["method"] == "initialize":
            server = {"name": "old", "version": "1"}
            result = {"protocolVersion": "2025-03-26", "capabilities": {}, "serverInfo": server}
            handler.finish({"jsonrpc": "2.0", "id": message["id"], "result": result})
        else:
            handler.set_status(405 if message["method"] == "GET" else 202)

    return answer


async def test_a_client_that_is_refused_in_the_modern_era_signs_in_for_the_legacy_one() -> None:
    methods: list[str] = []
    async with old_world() as w:
        w.routes["/mcp"] = speaks_old(w, methods)
        async with Client(w.server, auth=w.oauth()) as server:
            assert server.protocol_version == "2025-03-26"
    assert methods[:4] == ["server/discover", "initialize", "initialize", "notifications/initialized"]
    assert len(w.asked("/authorize")) == 1


async def test_a_client_of_the_modern_era_alone_does_not_sign_in() -> None:
    methods: list[str] = []
    async with old_world() as w:
        w.routes["/mcp"] = speaks_old(w, methods)
        with pytest.raises(McpError, match="publishes no metadata"):
            async with Client(w.server, auth=w.oauth(), era="modern"):
                pass
    assert methods == ["server/discover"]
    assert (w.seen, w.registered) == ([], [])
