# SPDX-License-Identifier: BSD-3-Clause
"""What did not fit into a result is kept for its caller, for a while."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mcp_jupyter.errors import McpError
from mcp_jupyter.server.content import ResourceValue
from mcp_jupyter.server.fastmcp.results import MAX_KEPT, KeptResults

from .speaker import speaking
from .test_results import read, server

pytestmark = pytest.mark.anyio


async def test_a_kept_pandas_frame_stays_as_it_was():
    frame = pd.DataFrame({"n": np.zeros(300)})
    async with speaking(server(frame), name="another") as client:
        link = (await client.call("give"))["content"][1]
        frame.loc[0, "n"] = 5.0
        assert (await read(client, link["uri"] + "?limit=1"))["text"] == "n\n0.0\n"


class _Request:
    def __init__(self, sender: str) -> None:
        self.sender = sender
        self.era = self

    def resource_not_found(self, uri: str) -> McpError:
        return McpError(-32002, f"Unknown resource {uri!r}.")


class _Asking:
    def __init__(self, sender: str) -> None:
        self.request_context = _Request(sender)


def kept(results: KeptResults, sender: str, text: str) -> str:
    uri = results.keep(ResourceValue(text, "text/plain"), sender)
    assert uri is not None
    return uri


def read_as(results: KeptResults, sender: str, uri: str) -> ResourceValue:
    resource, variables = results.resource_at(uri)
    value: ResourceValue = resource.function(**variables, ctx=_Asking(sender))
    return value


def test_only_who_called_may_read_it():
    results = KeptResults()
    uri = kept(results, "a", "secret")
    assert read_as(results, "a", uri).data == "secret"
    for sender in ("b", ""):
        with pytest.raises(McpError, match="Unknown resource"):
            read_as(results, sender, uri)


def test_the_oldest_goes_first():
    results = KeptResults()
    uris = [kept(results, "a", f"text {n}") for n in range(MAX_KEPT + 1)]
    with pytest.raises(McpError, match="Unknown resource"):
        read_as(results, "a", uris[0])
    assert read_as(results, "a", uris[1]).data == "text 1"


def test_what_is_kept_for_one_sender_can_be_dropped():
    results = KeptResults()
    gone, stays = kept(results, "a", "text"), kept(results, "b", "text")
    results.forget("a")
    with pytest.raises(McpError, match="Unknown resource"):
        read_as(results, "a", gone)
    assert read_as(results, "b", stays).data == "text"
