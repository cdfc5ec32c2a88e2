# SPDX-License-Identifier: BSD-3-Clause
"""Whose profile a request has: by the name in `clientInfo`, in both eras."""

from __future__ import annotations

import pytest

from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.host_profiles import DEFAULT, OWN, PROFILES, profile_of

from .fastmcp.speaker import both_eras, speaking

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", PROFILES)
def test_each_host_has_its_profile_by_its_name(name):
    """It is one row of the table (2: profiles)."""
    assert profile_of({"name": name, "version": "1"}).name == name


@pytest.mark.parametrize("info", [None, {}, {"name": 5}, {"name": "somebody's"}, {"name": "Claude-Code"}, []])
def test_any_other_client_has_the_default(info):
    """It is one row of the table (2: profiles)."""
    assert profile_of(info) is DEFAULT


def test_qwen_code_is_known_whatever_its_user_called_the_server():
    """It is one row of the table (2: profiles)."""
    assert profile_of({"name": "qwen-cli-mcp-client-my notebook"}).title == "Qwen Code"
    assert profile_of({"name": "qwen-cli-mcp-clientele"}) is DEFAULT


def test_each_row_says_what_was_measured_when_and_by_whom():
    """It is one row of the table (2: profiles)."""
    for profile in (*PROFILES.values(), DEFAULT):
        assert all((profile.measured, profile.source, profile.title))


def test_a_page_a_text_and_an_error_fit_into_a_result():
    """It is one row of the table (2: profiles)."""
    for profile in (*PROFILES.values(), DEFAULT):
        assert max(profile.page_chars, profile.text_chars, profile.error_chars) <= profile.result_chars


@both_eras
async def test_a_request_has_the_profile_of_its_client(era):
    """It is one row of the table (2: profiles)."""
    seen = []
    mcp = FastMCP()

    def look(ctx: Context) -> None:
        seen.append(ctx.request_context.profile)

    mcp.add_tool(look)
    for name in ("gemini-cli-mcp-client", "mcp_jupyter", "another"):
        async with speaking(mcp, era, name=name) as client:
            await client.call("look")
    assert seen == [PROFILES["gemini-cli-mcp-client"], OWN, DEFAULT]
