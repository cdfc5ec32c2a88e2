# SPDX-License-Identifier: BSD-3-Clause
"""Resources: static ones and templates, what reading gives, and what it says when there is nothing."""

from __future__ import annotations

from typing import Any, Literal

import anyio
import anyio.lowlevel
import pandas as pd
import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND, McpError, ToolError
from mcp_jupyter.server.fastmcp import Context, FastMCP, Image

from ..memory_client import connected
from .speaker import Speaker, both_eras, speaking

pytestmark = pytest.mark.anyio


async def read(client: Speaker, uri: str) -> dict[str, Any]:
    (item,) = (await client.ask("resources/read", uri=uri))["contents"]
    assert item["uri"] == uri
    return item


async def refused(client: Speaker, uri: str) -> McpError:
    with pytest.raises(McpError) as caught:
        await client.ask("resources/read", uri=uri)
    return caught.value


# -- what is listed -------------------------------------------------------------------------------------


async def test_static_resources_and_templates_are_listed_apart():
    mcp = FastMCP()

    @mcp.resource(
        "config://app",
        title="Config",
        mime_type="text/x-ini",
        icons=[types.Icon(src="data:,")],
        annotations=types.Annotations(audience=["user"], priority=0.5),
        meta={"own": 1},
    )
    def config() -> str:
        """Static configuration."""
        return "x=1"

    @mcp.resource("users://{user}/profile", name="profile", description="Of one user.")
    def get_profile(user: str) -> str:
        return user

    mcp.resource("data://unnamed")(lambda: 1)
    mcp.resource("data://default")(lambda n=5: n)
    async with speaking(mcp) as client:
        static = (await client.ask("resources/list"))["resources"]
        templates = (await client.ask("resources/templates/list"))["resourceTemplates"]
    assert static == [
        {
            "uri": "config://app",
            "name": "config",
            "title": "Config",
            "description": "Static configuration.",
            "mimeType": "text/x-ini",
            "icons": [{"src": "data:,"}],
            "annotations": {"audience": ["user"], "priority": 0.5},
            "_meta": {"own": 1},
        },
        {"uri": "data://unnamed", "name": "data://unnamed"},
        {"uri": "data://default", "name": "data://default"},
    ]
    assert templates == [
        {
            "uriTemplate": "users://{user}/profile",
            "name": "profile",
            "description": "Of one user.",
            "mimeType": "text/plain",
        }
    ]


# -- what reading gives ---------------------------------------------------------------------------------


@both_eras
@pytest.mark.parametrize(
    ("value", "item"),
    [
        ("text", {"text": "text", "mimeType": "text/plain"}),
        (b"\xff", {"blob": "/w==", "mimeType": "application/octet-stream"}),
        ({"a": [1]}, {"text": '{"a":[1]}', "mimeType": "application/json"}),
        ([1], {"text": "[1]", "mimeType": "application/json"}),
        (None, {"text": "null", "mimeType": "application/json"}),
        (Image(data=b"i", format="jpeg"), {"blob": "aQ==", "mimeType": "image/jpeg"}),
        ("lone \ud800", {"text": "lone �", "mimeType": "text/plain"}),
        (
            pd.DataFrame({"a": [1, 2]}),
            {
                "text": "a\n1\n2\n",
                "mimeType": "text/csv",
                "_meta": {"rows": 2, "total": 2, "truncated": False},
            },
        ),
    ],
)
async def test_reading(era, value, item):
    mcp = FastMCP()
    mcp.resource("data://x")(lambda: value)
    async with speaking(mcp, era) as client:
        assert await read(client, "data://x") == {"uri": "data://x", **item}


async def test_async_concurrent_and_yielding_functions():
    mcp = FastMCP()

    async def later() -> str:
        await anyio.lowlevel.checkpoint()
        return "later"

    def lines():
        yield "a"
        yield "b"

    mcp.resource("data://async")(later)
    mcp.resource("data://thread", concurrent=True)(lambda: "thread")
    mcp.resource("data://lines")(lines)
    async with speaking(mcp) as client:
        assert (await read(client, "data://async"))["text"] == "later"
        assert (await read(client, "data://thread"))["text"] == "thread"
        assert (await read(client, "data://lines"))["text"] == '["a","b"]'


async def test_the_type_that_was_declared_wins():
    mcp = FastMCP()
    mcp.resource("data://html", mime_type="text/html")(lambda: "<b>")
    mcp.resource("data://json", mime_type="application/json")(lambda: pd.DataFrame({"a": [1]}))
    async with speaking(mcp) as client:
        assert (await read(client, "data://html"))["mimeType"] == "text/html"
        assert (await read(client, "data://json"))["text"] == (
            '{"columns":["a"],"rows":[[1]],"total":1,"truncated":false}'
        )


async def test_a_result_made_by_hand_passes_and_stays_the_functions_own():
    mcp = FastMCP()
    own = types.ReadResourceResult(
        contents=[
            types.TextResourceContents(uri="data://x", text="a"),
            types.BlobResourceContents(uri="data://x/b", blob="AA=="),
        ]
    )
    mcp.resource("data://x")(lambda: own)
    before = own.model_copy(deep=True)
    async with speaking(mcp, "modern") as client:
        assert len((await client.ask("resources/read", uri="data://x"))["contents"]) == 2
    assert own == before


async def test_the_value_is_made_anew_each_time():
    mcp, values = FastMCP(), iter("ab")
    mcp.resource("data://x")(lambda: next(values))
    async with speaking(mcp) as client:
        assert [(await read(client, "data://x"))["text"] for _ in "ab"] == ["a", "b"]


async def test_a_context_is_filled_in():
    mcp = FastMCP()

    @mcp.resource("data://{name}")
    def f(name: str, ctx: Context) -> str:
        ctx.info(f"reading {name}")
        return ctx.request_id

    @mcp.resource("static://x")
    async def g(ctx: Context) -> str:
        data, _ = await ctx.read_resource("data://inner")
        return data

    async with speaking(mcp) as client:
        assert (await read(client, "data://x"))["text"] == "2"
        assert (await read(client, "static://x"))["text"] == "3"
        assert [said.params["data"] for said in client.heard] == ["reading x", "reading inner"]


# -- templates ------------------------------------------------------------------------------------------


async def test_variables_reach_the_function_decoded_and_with_its_types():
    mcp = FastMCP()

    @mcp.resource("repo://{owner}/{name}/issues/{number}")
    def issue(owner: str, name: str, number: int) -> list:
        return [owner, name, number]

    @mcp.resource("find://{kind}{?text,limit}")
    def find(kind: Literal["a", "b"], text: str = "all", limit: int = 10) -> list:
        return [kind, text, limit]

    @mcp.resource("file:///{path*}")
    def file(path: str) -> str:
        return path

    async with speaking(mcp) as client:

        async def text(uri: str) -> str:
            return (await read(client, uri))["text"]

        assert await text("repo://me/a%20b%2Fc/issues/7") == '["me","a b/c",7]'
        assert await text("repo://%C3%A4/x/issues/1") == '["ä","x",1]'
        assert await text("find://a") == '["a","all",10]'
        assert await text("find://b?limit=3") == '["b","all",3]'
        assert await text("find://b?limit=3&text=x%26y") == '["b","x&y",3]'
        assert await text("file:///a/b/c.txt") == "a/b/c.txt"
        for uri, named in (("repo://me/x/issues/seven", "number"), ("find://c", "kind")):
            error = await refused(client, uri)
            assert error.code == INVALID_PARAMS
            assert f"{named}: Input should be" in error.message


LEADING_OUT = {
    "..%2f..%2fetc%2fpasswd": "has a '..' segment",
    "..%5C..%5Cboot.ini": "has a '..' segment",
    "a%2F..": "has a '..' segment",
    "x%00.csv": "has a NUL character",
}
ABSOLUTE = {
    "%2Fetc%2Fpasswd": "is an absolute path",
    "%5C%5Cserver%5Cshare": "is an absolute path",
    "C%3A%5CWindows": "has a drive letter",
    "c:x": "has a drive letter",
}


def files() -> tuple[FastMCP, list[str]]:
    """A server of files, and the values that reached its functions."""
    mcp, seen = FastMCP(), []

    @mcp.resource("file://here/{name}{?version}")
    def named(name: str, version: str = "") -> str:
        seen.append(name)
        return name

    @mcp.resource("tree:{+path}")
    def tree(path: str) -> str:
        seen.append(path)
        return path

    @mcp.resource("disk://{path*}", paths=True)
    def disk(path: str) -> str:
        seen.append(path)
        return path

    return mcp, seen


@both_eras
async def test_a_value_that_leads_out_of_a_folder_reaches_no_function(era):
    """(1.29)."""
    mcp, seen = files()
    async with speaking(mcp, era) as client:
        for value, fault in (LEADING_OUT | ABSOLUTE).items():
            for uri in (f"file://here/{value}", f"file://here/x?version={value}", f"tree:{value}"):
                error = await refused(client, uri)
                assert error.code == INVALID_PARAMS
                assert error.message.endswith(f"{fault}."), error.message
        assert seen == []
        for value in ("a%2Fb", "..a", "a%5Cb", "%252e%252e%252fx", "1%3A30"):
            await read(client, f"file://here/{value}")
        assert seen == ["a/b", "..a", "a\\b", "%2e%2e%2fx", "1:30"]


async def test_a_template_of_paths_takes_absolute_ones_and_nothing_that_leads_up():
    """(1.29)."""
    mcp, seen = files()
    async with speaking(mcp) as client:
        for value in ABSOLUTE:
            await read(client, f"disk://{value}")
        assert seen == ["/etc/passwd", "\\\\server\\share", "C:\\Windows", "c:x"]
        for value, fault in LEADING_OUT.items():
            assert fault in (await refused(client, f"disk://{value}")).message
        assert "has a '..' segment" in (await refused(client, "disk://x/../../y")).message
        assert len(seen) == 4


async def test_what_could_not_be_read_cannot_be_watched():
    """In both eras (1.29)."""
    mcp, _ = files()
    up, fine = "file://here/..%2fx", "file://here/x"
    async with connected(mcp) as client:
        await client.ask("resources/subscribe", {"uri": fine})
        with pytest.raises(McpError, match=r"has a '\.\.' segment"):
            await client.ask("resources/subscribe", {"uri": up})
    async with connected(mcp, initialize=None) as client, anyio.create_task_group() as tasks:
        wanted = {"resourceSubscriptions": [up, fine]}
        tasks.start_soon(client.modern, "subscriptions/listen", {"notifications": wanted})
        ack = await client.hear("notifications/subscriptions/acknowledged")
        assert ack.params["notifications"] == {"resourceSubscriptions": [fine]}
        tasks.cancel_scope.cancel()


async def test_a_static_resource_comes_before_a_template_and_the_first_template_before_others():
    mcp = FastMCP()
    mcp.resource("data://{a}")(lambda a: f"first {a}")
    mcp.resource("data://{b}{?c}")(lambda b, c="": f"second {b} {c}")
    mcp.resource("data://x")(lambda: "static")
    async with speaking(mcp) as client:
        assert (await read(client, "data://x"))["text"] == "static"
        assert (await read(client, "data://y"))["text"] == "first y"
        assert (await read(client, "data://y?c=1"))["text"] == "second y 1"


@pytest.mark.parametrize(
    ("uri", "function", "said"),
    [
        ("x", lambda: 1, r"'x' is not a URI: it must begin with a scheme, as in data://x"),
        ("data://{a}", lambda: 1, r"has a, but the function has no such parameter"),
        ("data://{a}", lambda b: 1, r"has a, but the function"),
        (
            "data://x",
            lambda a: 1,
            r"needs a, which 'data://x' does not give; put it into the URI as \{name\}",
        ),
        ("data://{?a}", lambda a: 1, r"needs a, which"),
        ("data://{a", lambda a: 1, r"data://\{a"),
        ("data://{a}{b}", lambda a, b: 1, r"data://\{a\}\{b\}"),
    ],
)
def test_a_uri_that_does_not_go_with_its_function_is_refused(uri, function, said):
    with pytest.raises(ValueError, match=said):
        FastMCP().resource(uri)(function)


# -- when there is nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize(("era", "code"), [("legacy", RESOURCE_NOT_FOUND), ("modern", INVALID_PARAMS)])
async def test_an_unknown_resource_by_the_rules_of_each_era(era, code):
    mcp = FastMCP()
    mcp.resource("data://{a}")(lambda a: a)
    async with speaking(mcp, era) as client:
        for uri in ("data://a/b", "other://x", "", "data://%ff", "data://"):
            error = await refused(client, uri)
            assert (error.code, error.data) == (code, {"uri": uri})
            assert error.message == f"Unknown resource {uri!r}."


@both_eras
@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("why"), "Error in f: ValueError: why"),
        (ToolError("in words"), "in words"),
        (
            SystemExit(1),
            "f ended with SystemExit, which is not an error a tool can report; the server goes on.",
        ),
        (
            KeyboardInterrupt(),
            "f ended with KeyboardInterrupt, which is not an error a tool can report; the server goes on.",
        ),
    ],
)
async def test_a_function_that_raises(era, concurrent, error, said):
    mcp = FastMCP()

    @mcp.resource("data://x", concurrent=concurrent)
    def f() -> str:
        raise error

    async with speaking(mcp, era) as client:
        for _ in range(2):
            found = await refused(client, "data://x")
            assert (found.code, found.message) == (INTERNAL_ERROR, said)


async def test_a_function_may_say_its_own_error():
    mcp = FastMCP()

    @mcp.resource("data://x")
    def f() -> str:
        raise McpError(-31000, "sold out", {"again": "tomorrow"})

    async with speaking(mcp) as client:
        error = await refused(client, "data://x")
        assert (error.code, error.message, error.data) == (-31000, "sold out", {"again": "tomorrow"})


async def test_a_value_that_cannot_be_read_is_an_error():
    mcp = FastMCP()
    mcp.resource("data://x")(lambda: Image("there/is/none.png"))
    async with speaking(mcp) as client:
        assert "FileNotFoundError" in (await refused(client, "data://x")).message


async def test_replacing_and_removing_by_uri_or_name():
    mcp = FastMCP()
    mcp.resource("data://x", name="ex")(lambda: "old")
    mcp.resource("data://{a}", name="tem")(lambda a: a)
    async with speaking(mcp) as client:
        mcp.resource("data://x", name="ex")(lambda: "new")
        await client.client.hear("notifications/resources/list_changed")
        assert (await read(client, "data://x"))["text"] == "new"
        assert mcp.remove("ex") == ["resources"]
        assert (await read(client, "data://x"))["text"] == "x"
        assert mcp.remove("data://{a}") == ["resources"]
        await refused(client, "data://x")
        assert mcp.remove("data://{a}") == []
