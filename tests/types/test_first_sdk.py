# SPDX-License-Identifier: BSD-3-Clause
"""What programs written for the first-generation SDK expect of its types."""

from __future__ import annotations

import pytest
from pydantic import AnyUrl

from mcp_jupyter import McpError, types
from mcp_jupyter.shared.exceptions import UrlElicitationRequiredError

CHANGED = types.ToolListChangedNotification()
VISIT = types.ElicitRequestURLParams(
    mode="url", message="Sign in.", url="https://a.example", elicitationId="1"
)


def test_a_notification_is_wrapped_or_not_and_has_a_root_either_way():
    """(2: `RootModel`-like `.root` on notifications)."""
    wrapped = types.ServerNotification(CHANGED)
    assert wrapped.root is CHANGED
    assert CHANGED.root is CHANGED
    assert isinstance(CHANGED, types.ServerNotification)
    assert not isinstance(CHANGED, types.ClientNotification)
    assert not isinstance(types.InitializedNotification(), types.ServerNotification)
    assert isinstance(types.ServerNotification.model_validate({"method": CHANGED.method}).root, type(CHANGED))


def test_a_result_that_says_nothing_of_an_error_is_none():
    """(2: `isError` is False where it is not set)."""
    result = types.CallToolResult(content=[])
    assert result.isError is False
    assert result.model_dump(exclude_none=True) == {"content": []}
    assert types.CallToolResult(content=[], isError=False).model_dump()["isError"] is False
    assert types.CallToolResult.from_wire({"content": [], "isError": None}).isError is False


def test_an_error_is_raised_with_a_model_and_read_as_one():
    """(2: `McpError` at the top and `.error`)."""
    data = types.ErrorData(code=types.INVALID_PARAMS, message="No.", data={"a": None})
    with pytest.raises(McpError, match="No") as caught:
        raise McpError(data)
    assert caught.value.error == data
    assert (caught.value.code, caught.value.message) == (types.INVALID_PARAMS, "No.")
    assert McpError(-32603, "Broken.").error == types.ErrorData(code=-32603, message="Broken.")


def test_a_demand_to_visit_a_url_is_made_of_models_and_read_back():
    """(2: shared.exceptions)."""
    asked = UrlElicitationRequiredError([VISIT], message="Sign in first.")
    read = UrlElicitationRequiredError.from_error(asked.error)
    assert read.elicitations == asked.elicitations == [VISIT]
    with pytest.raises(ValueError, match="-32042"):
        UrlElicitationRequiredError.from_error(types.ErrorData(code=-32603, message="Another."))


def test_pydantics_urls_are_found_among_the_types():
    """(2: Thin re-exports)."""
    assert types.AnyUrl is AnyUrl
