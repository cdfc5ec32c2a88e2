# SPDX-License-Identifier: BSD-3-Clause
"""Variables as resources in a real kernel: pages, formats, changes; as a client sees them."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from urllib.parse import quote

import anyio
import pyarrow.parquet as pq
import pytest

from mcp_jupyter.errors import McpError

from .live import live_kernel

pytestmark = pytest.mark.anyio

SALES = "notebook://variables/sales"


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/Variables.ipynb") as kernel:
        assert not kernel.run("%load_ext mcp_jupyter\nimport pandas as pd, numpy as np").error
        yield kernel


@pytest.fixture(autouse=True)
def sales(kernel):
    kernel.run("sales = pd.DataFrame({'n': range(5), 's': list('abcde')})\n%mcp_resource sales --watch")
    yield
    kernel.run("%mcp_remove sales")


async def read(client, uri):
    (content,) = (await client.ask("resources/read", {"uri": uri}))["contents"]
    return content


async def templates(client):
    listed = (await client.ask("resources/templates/list"))["resourceTemplates"]
    return [template["uriTemplate"] for template in listed]


async def test_a_frame_is_read_by_pages_columns_and_format(kernel):
    async with kernel.connect() as client:
        assert await templates(client) == [
            f"{SALES}{{?offset,limit,columns,format}}",
            f"{SALES}/{{view}}",
        ]
        page = await read(client, f"{SALES}?offset=1&limit=2&columns=s")
        assert (page["mimeType"], page["text"]) == ("text/csv", "s\nb\nc\n")
        assert page["_meta"] == {"offset": 1, "rows": 2, "total": 5, "truncated": True}
        parquet = await read(client, f"{SALES}?format=parquet&limit=1")
        assert pq.read_table(io.BytesIO(b64decode(parquet["blob"]))).to_pylist() == [{"n": 0, "s": "a"}]
        assert (await read(client, f"{SALES}?format=markdown"))["text"].startswith("| n | s |")


HOLD = """
import threading, time
from mcp_jupyter import notebook
free, begun = threading.Event(), []
@notebook.tool(concurrent=True)
def hold() -> bool:
    begun.append(1)
    return free.wait(30)
"""
HELD = """
end = time.monotonic() + 20
while len(begun) < 32 and time.monotonic() < end:
    time.sleep(0.01)
assert len(begun) == 32
"""


async def test_a_variable_is_read_while_tools_hold_all_threads(kernel):
    """Reads have threads of their own (1.28)."""
    await kernel.arun(HOLD)
    async with kernel.connect() as client, anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(client.call, "hold")
        try:
            assert not (await kernel.arun(HELD)).error
            with anyio.fail_after(20):
                assert (await read(client, SALES))["text"].startswith("n,s\n")
                assert (await read(client, f"{SALES}?offset=1&limit=1"))["text"] == "n,s\n1,b\n"
        finally:
            await kernel.arun("free.set()")


async def test_a_column_may_be_called_like_a_path(kernel):
    """Its name is data, and no function of ours makes a path of it (1.29)."""
    await kernel.arun(
        "import pandas as pd\nsales = pd.DataFrame({'/a': [1], 'C:': [2], '..': [3], 'b': [4]})"
    )
    async with kernel.connect() as client:
        for column in ("/a", "C:", ".."):
            page = await read(client, f"{SALES}?columns={quote(column, safe='')}")
            assert page["text"].splitlines()[0] == column


async def test_its_schema_and_its_summary_have_uris_of_their_own(kernel):
    async with kernel.connect() as client:
        schema = json.loads((await read(client, f"{SALES}/schema"))["text"])
        assert schema["columns"][0] == {"name": "n", "type": "int64"}
        summary = json.loads((await read(client, f"{SALES}/describe"))["text"])
        assert summary["rows"][0][:6] == ["n", 5, 0, 0, 4, 2.0]
        ref = {"type": "ref/resource", "uri": f"{SALES}/{{view}}"}
        asked = {"ref": ref, "argument": {"name": "view", "value": ""}}
        assert (await client.ask("completion/complete", asked))["completion"]["values"] == [
            "schema",
            "describe",
        ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?columns=zip", "Unknown column 'zip'. Known columns: n, s."),
        ("?offset=-1", "greater than or equal to 0"),
        ("?limit=99999999", "less than or equal to 10000"),
        ("?limit=__import__('os')", "valid integer"),
        ("?format=pickle", "'csv', 'json', 'markdown', 'parquet' or 'arrow'"),
    ],
)
async def test_a_wrong_page_is_told_what_is_wrong(kernel, query, message):
    async with kernel.connect() as client:
        with pytest.raises(McpError) as caught:
            await client.ask("resources/read", {"uri": SALES + query})
    assert message in str(caught.value)
    assert caught.value.code == -32602


async def test_a_variable_of_another_kind_has_other_templates_and_clients_are_told(kernel):
    async with kernel.connect() as client:
        await kernel.arun("sales = {'a': 1}")
        await client.hear("notifications/resources/list_changed")
        assert await templates(client) == []
        assert json.loads((await read(client, SALES))["text"]) == {"a": 1}
        for page in ("?offset=1", "/schema"):  # who was in the midst of reading it
            with pytest.raises(McpError, match=r"not a data frame any more\. It has the type dict now"):
                await read(client, SALES + page)
        await kernel.arun("sales = pd.DataFrame({'n': [1]})")
        await client.hear("notifications/resources/list_changed")
        assert len(await templates(client)) == 2


async def test_a_deleted_variable_is_said_to_be_gone_and_may_come_back(kernel):
    async with kernel.connect() as client:
        await kernel.arun("del sales")
        await client.hear("notifications/resources/list_changed")
        *_, listed = (await client.ask("resources/list"))["resources"]
        assert listed["description"].endswith("(It does not exist at present.)")
        for page in ("", "?offset=1", "/describe"):
            with pytest.raises(McpError, match="'sales' does not exist"):
                await read(client, SALES + page)
        await kernel.arun("sales = [1]")
        await client.hear("notifications/resources/list_changed")
        assert (await read(client, SALES))["text"] == "[1]"


async def test_in_the_midst_of_a_cell_a_frame_may_be_none_any_more(kernel):
    kernel.run(
        "%%mcp_tool --concurrent\nimport threading\n_go, _in = threading.Event(), threading.Event()\n"
        "def go(): _go.set()\ndef inside(): _in.wait(10)"
    )
    async with kernel.connect() as client:
        kernel.client.execute("sales = [1]; _in.set(); _go.wait(10)")
        await client.call("inside")
        try:
            with pytest.raises(McpError, match=r"not a data frame any more\. It has the type list now"):
                await read(client, f"{SALES}?offset=1")
        finally:
            await client.call("go")
    kernel.run("%mcp_remove go inside")


async def updates(client):
    await client.ask("ping")
    heard = [n.params["uri"] for n in client.heard if n.method == "notifications/resources/updated"]
    client.heard.clear()
    return heard


async def test_who_subscribed_is_told_once_after_the_cell_that_changed_the_value(kernel):
    async with kernel.connect() as client:
        await client.ask("resources/subscribe", {"uri": SALES})
        await kernel.arun("sales.loc[0, 'n'] = 7; sales.loc[1, 'n'] = 8")
        assert await updates(client) == [SALES]
        await kernel.arun("sales.sum(numeric_only=True)")
        assert await updates(client) == []
        await kernel.arun("sales = sales.head(2)")
        assert await updates(client) == [SALES]


async def test_who_subscribed_is_told_after_a_call_that_changed_the_value(kernel):
    kernel.run("%%mcp_tool\ndef sell(n: int) -> None:\n    sales.loc[0, 'n'] = n")
    async with kernel.connect() as client:
        await client.ask("resources/subscribe", {"uri": SALES})
        await client.call("sell", {"n": 77})
        await client.hear("notifications/resources/updated")
        await client.call("sell", {"n": 77})
        await kernel.arun("1")
        assert await updates(client) == []
    kernel.run("%mcp_remove sell")


async def test_it_is_served_in_a_format_and_with_a_title(kernel):
    async with kernel.connect() as client:
        for mime_type, begin in {"application/json": "{", "text/markdown": "| n | s |"}.items():
            kernel.run(f"%mcp_resource sales --mime-type {mime_type} --title 'All sales'")
            *_, listed = (await client.ask("resources/list"))["resources"]
            assert (listed["mimeType"], listed["title"]) == (mime_type, "All sales")
            found = await read(client, SALES)
            assert (found["mimeType"], found["text"][: len(begin)]) == (mime_type, begin)
        kernel.run("%mcp_resource sales --mime-type application/vnd.apache.parquet")
        assert pq.read_table(io.BytesIO(b64decode((await read(client, SALES))["blob"]))).num_rows == 5
        kernel.run("sales = '<b>5</b>'\n%mcp_resource sales --mime-type text/html")
        assert (await read(client, SALES))["mimeType"] == "text/html"


async def test_removed_it_is_watched_no_more_and_may_be_served_again(kernel):
    kernel.run(f"%mcp_remove {SALES}")
    async with kernel.connect() as client:
        assert await templates(client) == []
        await kernel.arun("sales = 3\n%mcp_resource sales")
        assert (await read(client, SALES))["text"] == "3"
        await client.ask("resources/subscribe", {"uri": SALES})
        await kernel.arun("sales = 4")
        assert await updates(client) == []  # without --watch


async def test_models_dicts_arrays_and_figures(kernel):
    kernel.run("import matplotlib; matplotlib.use('agg')\nfrom matplotlib import pyplot as plt")
    for source, mime_type in {
        "np.arange(3)": "application/json",
        "{'a': 1}": "application/json",
        "plt.figure()": "image/png",
        "b'x'": "application/octet-stream",
        "object()": "text/plain",
    }.items():
        kernel.run(f"thing = {source}\n%mcp_resource thing")
        async with kernel.connect() as client:
            assert (await read(client, "notebook://variables/thing"))["mimeType"] == mime_type
    kernel.run("%mcp_remove thing")
