# SPDX-License-Identifier: BSD-3-Clause
"""Tokens that are bound to a key of the client's: the proofs, the nonces, and what is kept."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from tornado.web import RequestHandler

from mcp_jupyter.client.auth import ClientCredentials, FileStorage, MemoryStorage
from mcp_jupyter.client.auth.bearer import Challenge, challenge_of
from mcp_jupyter.client.auth.dpop import MAX_ORIGINS, Proofs, new_key
from mcp_jupyter.errors import AuthorizationFailed

from .world import World, client, world

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def binding_world() -> AsyncIterator[World]:
    """Servers that bind tokens to keys."""
    async with world() as w:
        w.metadata["dpop_signing_alg_values_supported"] = ["RS256", "ES256"]
        yield w


async def test_a_token_is_bound_to_one_key_and_each_request_has_a_proof_of_its_own() -> None:
    async with binding_world() as w, client(w.oauth()) as http:
        for url in (w.server, w.server + "?a=b"):
            assert (await http.post(url, content=b"{}")).text == "welcome"
        assert (await http.get(w.server)).text == "welcome"
    assert w.headers == [None, *["DPoP access-token-number-1"] * 3]
    assert [path for path, _ in w.proofs] == ["/token", "/mcp", "/mcp", "/mcp"]
    assert len({proof.thumbprint for _, proof in w.proofs}) == 1
    assert len({proof.claims["jti"] for _, proof in w.proofs}) == 4


@pytest.mark.parametrize("supported", [None, [], ["RS256"]])
async def test_a_server_that_knows_no_such_proof_gets_none(supported: list[str] | None) -> None:
    async with world() as w, client(w.oauth()) as http:
        if supported is not None:
            w.metadata["dpop_signing_alg_values_supported"] = supported
        assert (await http.get(w.server)).text == "welcome"
    assert w.proofs == []


async def test_a_token_that_was_not_bound_after_all_is_a_bearer_token() -> None:
    async with binding_world() as w, client(w.oauth()) as http:
        w.token = {"token_type": "Bearer"}
        assert (await http.get(w.server)).text == "welcome"
    assert w.headers == [None, "Bearer access-token-number-1"]
    assert [path for path, _ in w.proofs] == ["/token"]


async def test_each_origin_gets_its_own_newest_nonce_without_being_asked_twice() -> None:
    async with binding_world() as w, client(w.oauth()) as http:
        w.nonces = {"/token": "of-the-issuer", "/mcp": "of-the-server"}
        for _ in range(2):
            assert (await http.get(w.server)).text == "welcome"
        w.nonces["/mcp"] = "the-next-one"
        assert (await http.get(w.server)).text == "welcome"
    assert [proof.claims.get("nonce") for proof in w.proven("/token")] == [None, "of-the-issuer"]
    assert [proof.claims.get("nonce") for proof in w.proven("/mcp")] == [
        *(None, "of-the-server", "of-the-server", "of-the-server", "the-next-one")
    ]
    assert len(w.asked("/authorize")) == 1


async def test_a_nonce_that_comes_with_a_good_answer_is_the_next_one() -> None:
    async with binding_world() as w, client(w.oauth()) as http:
        w.nonces = {"/mcp": "first"}
        await http.get(w.server)

        def replacing(handler: RequestHandler) -> None:
            w._proof(handler, "access-token-number-1")
            handler.set_header("DPoP-Nonce", "second")
            w.nonces["/mcp"] = "second"
            handler.finish("welcome")

        w.routes["/mcp"] = replacing
        await http.get(w.server)
        del w.routes["/mcp"]
        assert (await http.get(w.server)).text == "welcome"
    assert [proof.claims.get("nonce") for proof in w.proven("/mcp")] == [None, "first", "first", "second"]


async def test_a_bound_token_that_is_followed_by_a_bearer_token_takes_its_proof_along() -> None:
    async with binding_world() as w, client(w.oauth()) as http:
        await http.get(w.server)
        w.tokens.clear()  # revoked
        w.token = {"token_type": "Bearer"}
        assert (await http.get(w.server)).text == "welcome"
    assert w.headers[-2:] == ["DPoP access-token-number-1", "Bearer access-token-number-2"]
    assert len(w.proven("/mcp")) == 2


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_server_whose_nonce_is_never_right_is_asked_twice_at_most(is_told: bool) -> None:
    async with binding_world() as w, client(w.oauth()) as http:
        await http.get(w.server)
        asked = []

        def never(handler: RequestHandler) -> None:
            asked.append(handler.request.headers["DPoP"])
            handler.set_status(401)
            if is_told:
                handler.set_header("DPoP-Nonce", f"nonce-{len(asked)}")
            handler.set_header("WWW-Authenticate", 'Bearer, DPoP error="use_dpop_nonce"')

        w.routes["/mcp"] = never
        assert (await http.get(w.server)).status_code == 401
    assert len(asked) == (2 if is_told else 1)
    assert len(w.asked("/authorize")) == len(w.asked("/token")) == 1


@pytest.mark.parametrize("nonce", ["right", "with space", 'quo"te', "", None])
async def test_a_token_endpoint_whose_nonce_is_never_right_is_asked_twice_at_most(nonce: str | None) -> None:
    asked = []

    def never(handler: RequestHandler) -> None:
        asked.append(handler.request.headers["DPoP"])
        handler.set_status(400)
        if nonce is not None:
            handler.set_header("DPoP-Nonce", nonce)
        handler.finish({"error": "use_dpop_nonce"})

    async with binding_world() as w, client(w.oauth()) as http:
        w.routes["/token"] = never
        with pytest.raises(AuthorizationFailed, match="use_dpop_nonce"):
            await http.get(w.server)
    assert len(asked) == (2 if nonce == "right" else 1)


async def test_a_refresh_and_a_later_process_keep_the_key(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "tokens")
    async with binding_world() as w:
        w.token = {"expires_in": 1}
        async with client(w.oauth(storage=storage)) as http:
            await http.get(w.server)
        w.token = {}
        async with client(w.oauth(storage=storage)) as http:
            assert (await http.get(w.server)).text == "welcome"
        kept = await storage.get_tokens(w.server)
    assert [form["grant_type"] for form in w.asked("/token")] == ["authorization_code", "refresh_token"]
    assert w.headers[-1] == "DPoP access-token-number-2"
    assert kept is not None
    assert kept.dpop_key is not None
    assert {proof.thumbprint for _, proof in w.proofs} == {ECKey.import_key(kept.dpop_key).thumbprint()}


async def test_a_program_signs_each_of_its_token_requests_anew() -> None:
    key = ECKey.generate_key("P-256").as_pem(private=True).decode()
    async with binding_world() as w:
        w.nonces = {"/token": "of-the-issuer"}
        auth = ClientCredentials(w.server, issuer=w.issuer, client_id="me", private_key=key)
        async with client(auth) as http:
            assert (await http.get(w.server)).text == "welcome"
    assert len({form["client_assertion"] for form in w.asked("/token")}) == 2


async def test_the_key_is_in_no_repr_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    storage = MemoryStorage()
    async with binding_world() as w, client(w.oauth(storage=storage)) as http:
        with caplog.at_level(logging.DEBUG):
            await http.get(w.server)
        kept = await storage.get_tokens(w.server)
    assert "PRIVATE KEY" in str(kept and kept.dpop_key)
    assert "PRIVATE KEY" not in repr(kept) + caplog.text
    with pytest.raises(AuthorizationFailed, match="cannot sign") as caught:
        Proofs().sign("no-key-at-all", "GET", httpx2.URL("https://h.example"))
    assert "no-key-at-all" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "htu"),
    [
        ("https://h.example", "https://h.example/"),
        ("https://me:secret@H.example:443/a%20b?token=x#y", "https://h.example/a%20b"),
        ("http://[::1]:8888/mcp", "http://[::1]:8888/mcp"),
    ],
)
def test_a_proof_names_no_more_of_a_url_than_it_must(url: str, htu: str) -> None:
    claims: dict[str, Any] = _claims(Proofs(), httpx2.URL(url))
    assert claims["htu"] == htu
    assert "ath" not in claims


def test_nonces_of_many_origins_do_not_pile_up() -> None:
    proofs = Proofs()
    urls = [httpx2.URL(f"https://h{number}.example/") for number in range(MAX_ORIGINS + 1)]
    for url in urls:
        assert proofs.learn(url, httpx2.Headers({"DPoP-Nonce": "n"}))
    assert ["nonce" in _claims(proofs, url) for url in urls] == [False, *[True] * MAX_ORIGINS]


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ('DPoP scope="a", resource_metadata="https://x/y"', Challenge(False, ("a",), "https://x/y")),
        ('Bearer scope=a, DPoP algs="ES256", error="use_dpop_nonce"', Challenge(False, ("a",), None, True)),
        ('Bearer error="use_dpop_nonce"', Challenge(False)),
        ('DPoP error="invalid_token", DPoP error="use_dpop_nonce"', Challenge(False)),
    ],
)
def test_a_challenge_for_a_proof_is_read_as_one_for_a_bearer_token(header: str, challenge: Challenge) -> None:
    assert challenge_of(httpx2.Response(401, headers={"WWW-Authenticate": header})) == challenge


def _claims(proofs: Proofs, url: httpx2.URL) -> dict[str, Any]:
    key = new_key()
    return jwt.decode(proofs.sign(key, "GET", url), ECKey.import_key(key)).claims
