# SPDX-License-Identifier: BSD-3-Clause
"""Servers that mean harm (T29): whom we do not ask, what we do not believe, and what we do not tell."""

from __future__ import annotations

import gzip
from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter.client.auth import OAuth
from mcp_jupyter.client.auth.metadata import Hosts, is_public
from mcp_jupyter.errors import AuthorizationFailed

from .world import client, listening, world

pytestmark = pytest.mark.anyio

HINT = "/.well-known/oauth-protected-resource/mcp"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
        *("192.0.0.192", "192.0.0.9", "::ffff:192.0.0.192"),  # a cloud's metadata (1.31)
        *("::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "ff02::1"),
        *("64:ff9b:1::a9fe:a9fe", "fec0::1", "::127.0.0.1"),
    ],
)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("https://169.254.169.254/latest", "https://[::1]/x", "https://localhost/x", "https://127.0.0.1/x"),
        "https://[::ffff:169.254.169.254]/x",
    ],
)
async def test_a_public_server_cannot_send_us_to_a_private_address(url: str) -> None:
    with pytest.raises(AuthorizationFailed, match="not a public address"):
        await Hosts(["mcp.example.com"]).addresses(httpx2.URL(url))


async def test_a_host_that_the_person_named_may_be_private() -> None:
    assert await Hosts(["localhost"]).addresses(httpx2.URL("http://127.0.0.1:1/")) == ["127.0.0.1"]


async def test_a_public_server_cannot_send_us_to_plain_http() -> None:
    with pytest.raises(AuthorizationFailed, match="needs https"):
        await Hosts(["mcp.example.com"]).addresses(httpx2.URL("http://1.1.1.1/"))


@pytest.mark.parametrize(
    "hint",
    [
        *(
            "file:///etc/passwd",
            "javascript:alert(1)",
            "ftp://127.0.0.1/",
            "//127.0.0.1/x",
            "http://u:p@127.0.0.1/",
        ),
        *("https://10.0.0.1/x", "http://10.0.0.1/x"),
    ],
)
async def test_metadata_is_not_fetched_from_wherever_the_server_says(hint: str) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.challenge = f'Bearer resource_metadata="{hint}"'
        with pytest.raises(AuthorizationFailed):
            await http.get(w.server)
    assert w.seen == []


async def test_metadata_is_not_followed_to_another_origin_nor_in_circles() -> None:
    async with world() as w, client(w.oauth()) as http:
        w.routes[HINT] = lambda handler: handler.redirect(w.issuer + "/elsewhere")
        with pytest.raises(AuthorizationFailed, match="another origin"):
            await http.get(w.server)
        w.routes[HINT] = lambda handler: handler.redirect(HINT)
        with pytest.raises(AuthorizationFailed, match="without end"):
            await http.get(w.server)


def bomb(handler: Any) -> None:
    handler.set_header("Content-Encoding", "gzip")
    handler.finish(gzip.compress(b" " * 100_000_000, 9)[:100_000])


def flood(handler: Any) -> None:
    handler.finish(b" " * (2 << 20))


@pytest.mark.parametrize(("answer", "words"), [(bomb, "compressed"), (flood, "larger than")])
async def test_metadata_that_would_fill_the_memory_is_refused(answer: Any, words: str) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.routes[HINT] = answer
        with pytest.raises(AuthorizationFailed, match=words):
            await http.get(w.server)


@pytest.mark.parametrize(
    "change",
    [
        {"resource": "https://evil.example.com/mcp"},
        {"resource": None},
        {"resource": ["x"]},
        {"authorization_servers": []},
        {"authorization_servers": "x"},
        {"authorization_servers": ["https://10.0.0.1"]},
        {"authorization_servers": ["file:///etc"]},
        {"authorization_servers": ["http://127.0.0.1/?x=1"]},
    ],
)
async def test_a_resource_that_is_not_the_server_gets_no_token(change: dict[str, Any]) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.resource |= change
        with pytest.raises(AuthorizationFailed):
            await http.get(w.server)
    assert w.seen == []


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example.com"},
        {"code_challenge_methods_supported": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://login.example.com/"},
        {"token_endpoint": None},
        {"registration_endpoint": "https://10.0.0.1/register"},
        {"registration_endpoint": None},
    ],
)
async def test_nobody_is_sent_to_an_authorization_server_that_breaks_the_rules(
    change: dict[str, Any],
) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.metadata |= change
        with pytest.raises(AuthorizationFailed):
            await http.get(w.server)
    assert w.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        {"state": "another"},
        {"state": None},
        {"iss": None},
        {"iss": "https://evil.example.com"},
        {"code": None},
        {"error": "access_denied", "iss": "https://evil.example.com"},
    ],
)
async def test_a_code_is_redeemed_only_when_the_answer_is_the_servers(answer: dict[str, Any]) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.answer = answer
        with pytest.raises(AuthorizationFailed) as caught:
            await http.get(w.server)
    assert w.asked("/token") == []
    assert "access_denied" not in str(caught.value)


async def test_iss_is_compared_as_it_is_written() -> None:
    async with world() as w, client(w.oauth()) as http:
        w.answer = {"iss": w.issuer + "/"}
        with pytest.raises(AuthorizationFailed, match="another authorization server"):
            await http.get(w.server)
    assert w.asked("/token") == []


@pytest.mark.parametrize(
    "token",
    [
        *({"access_token": "a\r\nX-Evil: 1"}, {"access_token": ""}, {"access_token": 1}),
        *({"token_type": "DPoP"}, {"token_type": None}, {"access_token": "ä"}),
    ],
)
async def test_what_is_no_bearer_token_is_not_used(token: dict[str, Any]) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.token = token
        with pytest.raises(AuthorizationFailed, match="token endpoint gave"):
            await http.get(w.server)
    assert w.headers == [None]


@pytest.mark.parametrize("lifetime", [-1, 10**400, "soon", None, [], True])
async def test_a_lifetime_that_makes_no_sense_is_no_obstacle(lifetime: Any) -> None:
    async with world() as w, client(w.oauth()) as http:
        w.token = {"expires_in": lifetime}
        assert (await http.get(w.server)).text == "welcome"


async def test_a_redirecting_token_endpoint_does_not_get_the_code_elsewhere() -> None:
    async with world() as w, client(w.oauth()) as http:
        w.routes["/token"] = lambda handler: handler.redirect(w.issuer + "/elsewhere", status=307)
        with pytest.raises(AuthorizationFailed, match="redirects"):
            await http.get(w.server)


async def test_another_origin_gets_no_token() -> None:
    async with world() as w, client(w.oauth()) as http:
        seen: list[str | None] = []

        def answer(handler: Any) -> None:
            seen.append(handler.request.headers.get("Authorization"))
            handler.set_status(401)

        await http.get(w.server)
        async with listening(answer) as elsewhere:
            assert (await http.get(elsewhere + "/mcp")).status_code == 401
    assert seen == [None]


async def test_a_refusal_without_end_holds_nobody_up() -> None:
    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    await stream.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - not Django's
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        with anyio.fail_after(20), pytest.raises(AuthorizationFailed):
            async with client(OAuth(f"http://127.0.0.1:{port}/mcp")) as http:
                await http.get(f"http://127.0.0.1:{port}/mcp")
        tasks.cancel_scope.cancel()


async def test_a_person_who_does_nothing_is_not_waited_for_without_end() -> None:
    async def ignore(url: str) -> None: ...

    async with world() as w:
        auth = w.oauth(redirect_handler=ignore, callback_handler=None, sign_in_seconds=0.2)
        async with client(auth) as http:
            with pytest.raises(AuthorizationFailed, match="Nobody signed in"):
                await http.get(w.server)
