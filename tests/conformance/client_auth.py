# SPDX-License-Identifier: BSD-3-Clause
"""The OAuth scenarios of the conformance suite: a person who agrees at once, and programs with credentials.

Knows the suite's contexts. What a person would configure (an issuer) is read from the server's metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2

from mcp_jupyter import Client
from mcp_jupyter.client.auth import Assertion, AuthorizationResponse, ClientCredentials, OAuth
from mcp_jupyter.errors import McpError

__all__ = ["run", "scenario_named"]

REDIRECT_URI = "http://localhost:3000/callback"
DOCUMENT = "https://conformance-test.local/client-metadata.json"


class Person:
    """Signs in and agrees; the suite's page redirects at once."""

    def __init__(self) -> None:
        self.answer = AuthorizationResponse()

    async def visit(self, url: str) -> None:
        async with httpx2.AsyncClient() as browser:
            response = await browser.get(url)
        self.answer = AuthorizationResponse.from_url(response.headers["location"])

    async def come_back(self) -> AuthorizationResponse:
        return self.answer


async def issuer_of(url: str) -> str:
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}"
    async with httpx2.AsyncClient() as http:
        issuer: str = (await http.get(place)).json()["authorization_servers"][0]
    return issuer


async def sign_in(url: str, context: dict[str, Any]) -> httpx2.Auth:
    person = Person()
    client_id = context.get("client_id")
    return OAuth(
        url,
        redirect_handler=person.visit,
        callback_handler=person.come_back,
        client_metadata={"redirect_uris": [REDIRECT_URI], "client_name": "conformance"},
        client_metadata_url=DOCUMENT,
        client_id=client_id,
        client_secret=context.get("client_secret"),
        issuer=await issuer_of(url) if client_id else None,
    )


async def client_credentials(url: str, context: dict[str, Any]) -> httpx2.Auth:
    return ClientCredentials(
        url,
        issuer=await issuer_of(url),
        client_id=context["client_id"],
        client_secret=context.get("client_secret"),
        private_key=context.get("private_key_pem"),
        algorithm=context.get("signing_algorithm", "ES256"),
    )


async def enterprise_managed(url: str, context: dict[str, Any]) -> httpx2.Auth:
    async def exchanged(audience: str, resource: str) -> str:
        """What the enterprise's identity provider gives for the person's id token (RFC 8693)."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            "subject_token": context["idp_id_token"],
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "audience": audience,
            "resource": resource,
            "client_id": context["idp_client_id"],
        }
        async with httpx2.AsyncClient() as http:
            answer = await http.post(context["idp_token_endpoint"], data=form)
        assertion: str = answer.json()["access_token"]
        return assertion

    return Assertion(
        url,
        issuer=await issuer_of(url),
        assertion_handler=exchanged,
        client_id=context["client_id"],
        client_secret=context["client_secret"],
    )


async def workload_identity(url: str, context: dict[str, Any]) -> httpx2.Auth:
    async def given(audience: str, resource: str) -> str:
        assertion: str = context["valid_jwt"]
        return assertion

    return Assertion(
        url, issuer=await issuer_of(url), assertion_handler=given, client_id=context["client_id"]
    )


AUTHS: dict[str, Callable[[str, dict[str, Any]], Awaitable[httpx2.Auth]]] = {
    "auth/client-credentials-jwt": client_credentials,
    "auth/client-credentials-basic": client_credentials,
    "auth/enterprise-managed-authorization": enterprise_managed,
    "auth/wif-jwt-bearer": workload_identity,
}

REFUSED = {"auth/scope-retry-limit"}
"""Scenarios whose server never gives in: that a call fails is what they are about."""


async def run(scenario: str, url: str, context: dict[str, Any]) -> None:
    """Use a server that wants to be signed in to."""
    auth = await AUTHS.get(scenario, sign_in)(url, context)
    async with Client(url, auth=auth) as server:
        with suppress(*[McpError] if scenario in REFUSED else []):
            for tool in await server.list_tools():
                await server.call_tool(tool.name)


def scenario_named(name: str) -> Callable[[str], Awaitable[None]]:
    """What `client.py` runs; the context is in the environment."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")

    async def scenario(url: str) -> None:
        await run(name, url, context)

    return scenario
