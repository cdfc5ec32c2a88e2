# SPDX-License-Identifier: BSD-3-Clause
"""Programs that are clients in their own right, or hold an assertion."""

from __future__ import annotations

import subprocess
import sys

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from mcp_jupyter.client.auth import Assertion, ClientCredentials
from mcp_jupyter.errors import AuthorizationFailed

from .world import client, world

pytestmark = pytest.mark.anyio


async def test_a_client_with_a_secret_gets_a_token_for_the_resource() -> None:
    async with world() as w:
        w.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        auth = ClientCredentials(w.server, issuer=w.issuer, client_id="me", client_secret="a secret & more")
        async with client(auth) as http:
            assert (await http.get(w.server)).text == "welcome"
    (form,) = w.asked("/token")
    assert form == {
        "grant_type": "client_credentials",
        "resource": w.server,
        "scope": "read",
        "client_id": "me",
        "client_secret": "a secret & more",
    }


async def test_a_client_with_a_key_signs_for_its_issuer_alone() -> None:
    key = ECKey.generate_key("P-256")
    async with world() as w:
        pem = key.as_pem(private=True).decode()
        auth = ClientCredentials(w.server, issuer=w.issuer, client_id="me", private_key=pem)
        async with client(auth) as http:
            assert (await http.get(w.server)).text == "welcome"
        (form,) = w.asked("/token")
        claims = jwt.decode(form["client_assertion"], key, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("me", "me", w.issuer)
    assert claims["exp"] - claims["iat"] <= 300
    assert "client_secret" not in form


async def test_a_key_that_does_not_fit_is_said_without_showing_it() -> None:
    async with world() as w:
        auth = ClientCredentials(w.server, issuer=w.issuer, client_id="me", private_key="not a key")
        async with client(auth) as http:
            with pytest.raises(AuthorizationFailed, match="cannot sign with ES256") as caught:
                await http.get(w.server)
    assert "not a key" not in str(caught.value)


async def test_an_assertion_is_asked_for_with_the_issuer_and_the_resource() -> None:
    asked = []

    async def given(issuer: str, resource: str) -> str:
        asked.append((issuer, resource))
        return "header.claims.signature"

    async with world() as w:
        auth = Assertion(w.server, issuer=w.issuer, assertion_handler=given, client_id="me")
        async with client(auth) as http:
            assert (await http.get(w.server)).text == "welcome"
    assert asked == [(w.issuer, w.server)]
    (form,) = w.asked("/token")
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert form["assertion"] == "header.claims.signature"


async def test_a_refused_client_does_not_try_again_and_again() -> None:
    async with world() as w:
        w.refusal = {"error": "invalid_client"}
        auth = ClientCredentials(w.server, issuer=w.issuer, client_id="me", client_secret="the-long-secret")
        async with client(auth) as http:
            with pytest.raises(AuthorizationFailed, match="invalid_client"):
                await http.get(w.server)
    assert len(w.asked("/token")) == 1


@pytest.mark.parametrize("given", [{}, {"client_secret": "x", "private_key": "y"}])
def test_a_client_has_a_secret_or_a_key(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one of"):
        ClientCredentials("https://x.example/", issuer="https://y.example", client_id="me", **given)


def test_a_transport_without_sign_in_imports_no_oauth_library() -> None:
    code = (
        "import sys, mcp_jupyter.client.streamable_http, mcp_jupyter.client.sse\n"
        "sys.exit(any(name.split('.')[0] in ('authlib', 'joserfc') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
