# SPDX-License-Identifier: BSD-3-Clause
"""The rules that need no network: challenges, well-known places, answers, stores."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import httpx2
import pytest

from mcp_jupyter.client.auth import AuthorizationResponse, ClientInformation, FileStorage, loopback_callback
from mcp_jupyter.client.auth.bearer import Challenge, challenge_of
from mcp_jupyter.client.auth.metadata import (
    ProtectedResource,
    resource_metadata_urls,
    server_metadata_urls,
    wanted_scopes,
)
from mcp_jupyter.errors import AuthorizationFailed


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ([], Challenge(False)),
        (["Bearer"], Challenge(False)),
        (['bearer scope="a b"'], Challenge(False, ("a", "b"))),
        (["Basic realm=x, Bearer scope=a"], Challenge(False, ("a",))),
        (['Bearer realm="x, scope=evil", scope="a"'], Challenge(False, ("a",))),
        (
            ['Basic scope="no"', 'Bearer resource_metadata="https://x/y?a=b"'],
            Challenge(False, (), "https://x/y?a=b"),
        ),
        (["Digest scope=no"], Challenge(False)),
        (['Bearer scope="a\\"b"'], Challenge(False, ('a"b',))),
    ],
)
def test_a_challenge_is_read_from_whatever_form_it_has(headers: list[str], challenge: Challenge) -> None:
    fields = [("www-authenticate", header) for header in headers]
    assert challenge_of(httpx2.Response(401, headers=fields)) == challenge


@pytest.mark.parametrize(
    "header", ["Bearer", 'Bearer error="invalid_token"', 'Basic error="insufficient_scope"']
)
def test_a_403_that_is_not_about_scopes_is_no_challenge(header: str) -> None:
    assert challenge_of(httpx2.Response(403, headers={"WWW-Authenticate": header})) is None


def test_metadata_is_looked_for_in_the_order_of_the_spec() -> None:
    well = "https://h.example/.well-known/"
    assert resource_metadata_urls("https://h.example/a/b?x=1") == [
        f"{well}oauth-protected-resource/a/b",
        f"{well}oauth-protected-resource",
    ]
    assert resource_metadata_urls("https://h.example/") == [f"{well}oauth-protected-resource"]
    assert server_metadata_urls("https://h.example/t/") == [
        f"{well}oauth-authorization-server/t",
        f"{well}openid-configuration/t",
        "https://h.example/t/.well-known/openid-configuration",
    ]
    assert server_metadata_urls("https://h.example") == [
        f"{well}oauth-authorization-server",
        f"{well}openid-configuration",
    ]


@pytest.mark.parametrize(
    ("resource", "fits"),
    [
        *(("https://h.example/mcp", True), ("https://h.example/", True), ("https://H.example:443", True)),
        *(
            ("https://h.example/mc", False),
            ("https://h.example/mcp/x", False),
            ("http://h.example/mcp", False),
        ),
        *(("https://h.example:444/mcp", False), ("https://h.example@evil.example/mcp", False)),
        *(("https://h.example/mcp#x", False), ("https://h.example/mcp?x=1", False), ("", False)),
    ],
)
def test_a_resource_is_the_server_or_a_whole_that_it_is_part_of(resource: str, fits: bool) -> None:
    document = {"resource": resource, "authorization_servers": ["https://as.example"]}
    if fits:
        assert ProtectedResource.read(document, "https://h.example/mcp").resource == resource  # as published
    else:
        with pytest.raises(AuthorizationFailed):
            ProtectedResource.read(document, "https://h.example/mcp")


def test_scopes_add_up_in_order_and_once() -> None:
    assert wanted_scopes((), ("b", "a"), ("c",), besides=("a",)) == ("a", "b")
    assert wanted_scopes((), (), ()) == ()


def test_an_answer_in_which_a_parameter_comes_twice_is_none() -> None:
    with pytest.raises(AuthorizationFailed, match="twice"):
        AuthorizationResponse.from_url("http://127.0.0.1/callback?code=a&code=b")
    assert "secret" not in repr(AuthorizationResponse.from_url("/callback?code=secret&state=secret"))


@pytest.mark.anyio
async def test_whatever_a_page_asks_of_the_loopback_the_sign_in_goes_on() -> None:
    async with loopback_callback() as callback:
        port = httpx2.URL(callback.redirect_uri).port or 0
        for target in (b"//[x", b"http://[", b"/callback?state=%00%ff", b"/callback?" + b"a=b&" * 99):
            async with await anyio.connect_tcp("127.0.0.1", port) as page:
                await page.send(b"GET %b HTTP/1.1\r\n\r\n" % target)
                with anyio.fail_after(10):
                    assert (await page.receive()).split(b" ")[1] in (b"400", b"404")


@pytest.mark.anyio
async def test_the_loopback_waits_for_the_answer_to_its_own_question() -> None:
    async with loopback_callback() as callback, httpx2.AsyncClient(trust_env=False) as browser:
        answers = []

        async def wait() -> None:
            answers.append(await callback.answer("right"))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                idle = await anyio.connect_tcp("127.0.0.1", httpx2.URL(callback.redirect_uri).port or 0)
                tasks.start_soon(wait)
                await anyio.lowlevel.checkpoint()
                for query, status in (
                    ("code=x&state=wrong", 400),
                    ("code=x", 400),
                    ("code=y&state=right", 200),
                ):
                    answer = await browser.get(f"{callback.redirect_uri}?{query}")
                    assert answer.status_code == status
            await idle.aclose()
    assert [answer.code for answer in answers] == ["y"]


@pytest.mark.anyio
async def test_a_file_that_is_a_link_or_no_record_is_not_read(tmp_path: Path) -> None:
    store = FileStorage(tmp_path / "kept")
    await store.set_client("https://as.example", ClientInformation("me", "secret"))
    assert await store.get_client("https://as.example") == ClientInformation("me", "secret")
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(b"{")
    assert await store.get_client("https://as.example") is None
    target = file.rename(tmp_path / "elsewhere")
    file.symlink_to(target)
    with pytest.raises(AuthorizationFailed, match="cannot be read"):
        await store.get_client("https://as.example")
    file.unlink()
    await store.set_client("https://as.example", None)
    assert await store.get_client("https://as.example") is None
