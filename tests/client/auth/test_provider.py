# SPDX-License-Identifier: BSD-3-Clause
"""Signing in as programs for the first-generation SDK do it."""

from __future__ import annotations

import pytest

from mcp_jupyter.client.auth import OAuthClientProvider, TokenStorage
from mcp_jupyter.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from .world import REDIRECT_URI, World, client, world

pytestmark = pytest.mark.anyio


class Kept(TokenStorage):
    """A storage as such programs write it: JSON, from and to the SDK's models."""

    def __init__(self) -> None:
        self.tokens: str | None = None
        self.client_info: str | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return OAuthToken.model_validate_json(self.tokens) if self.tokens else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens.model_dump_json()

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return OAuthClientInformationFull.model_validate_json(self.client_info) if self.client_info else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client_info = client_info.model_dump_json()


def provider(w: World, storage: TokenStorage) -> OAuthClientProvider:
    async def come_back() -> tuple[str | None, ...]:
        answer = await w.come_back()
        return answer.code, answer.state, answer.iss

    return OAuthClientProvider(
        server_url=w.server,
        client_metadata=OAuthClientMetadata(
            client_name="a program",
            redirect_uris=[REDIRECT_URI],  # type: ignore[list-item]
            scope="read",
        ),
        storage=storage,
        redirect_handler=w.visit,
        callback_handler=come_back,
    )


async def test_a_person_signs_in_once_and_the_next_run_uses_what_was_kept():
    """(2: `client.auth.OAuthClientProvider`)."""
    storage = Kept()
    async with world() as w:
        for _ in range(2):
            async with client(provider(w, storage)) as http:
                assert (await http.post(w.server, content=b"{}")).text == "welcome"
        (wish,) = w.registered
        assert len(w.asked("/authorize")) == 1
    assert wish["client_name"] == "a program"
    kept = await storage.get_tokens()
    assert kept is not None
    assert kept.access_token == "access-token-number-1"
    assert kept.access_token not in repr(kept)


async def test_an_expired_token_is_refreshed():
    """(2: `client.auth.OAuthClientProvider`)."""
    storage = Kept()
    async with world() as w:
        w.token = {"expires_in": 1}
        async with client(provider(w, storage)) as http:
            await http.get(w.server)
        w.token = {}
        async with client(provider(w, storage)) as http:
            assert (await http.get(w.server)).text == "welcome"
        assert len(w.asked("/authorize")) == 1
    kept = await storage.get_tokens()
    assert kept is not None
    assert kept.refresh_token == "refresh-token-number-2"


async def test_a_registration_of_an_unknown_issuer_is_not_used():
    """Its secret would go to any authorization server that the MCP server names (2: OAuthClientProvider)."""
    storage = Kept()
    given = OAuthClientInformationFull(redirect_uris=[REDIRECT_URI], client_id="mine", client_secret="s3cret")  # type: ignore[list-item]
    await storage.set_client_info(given)
    assert "s3cret" not in repr(given)
    async with world() as w, client(provider(w, storage)) as http:
        assert (await http.get(w.server)).text == "welcome"
        assert "s3cret" not in str(w.seen)
