# SPDX-License-Identifier: BSD-3-Clause
"""Find out which request a message belongs to that is not valid JSON, so that its caller need not wait.

Servers write NaN and control characters, as lenient serialisers do. Nothing of such a
message is used except its id and whether it is a request.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ..errors import FrameError
from ..protocol.codes import PARSE_ERROR
from ..protocol.frames import is_request_id

__all__ = ["read_invalid_json"]

_ID: Final = rb'\s{0,9}"id"\s{0,9}:\s{0,9}(\d{1,18}|"[^"\\]{1,128}")\s{0,9}'
_VERSION: Final = rb'\s{0,9}"jsonrpc"\s{0,9}:\s{0,9}"2.0"\s{0,9}'
_AT_START: Final = re.compile(rb"\s{0,9}\{" + _VERSION + rb"," + _ID + rb',\s{0,9}"(?:result|error)"')
_AT_END: Final = re.compile(rb"," + _ID + rb"(?:," + _VERSION + rb")?\}\s{0,9}\Z")
"""A response's id before and after what cannot be read."""

END_BYTES: Final = 400
"""Of the message, its beginning and its end, where the id is searched for."""


def read_invalid_json(raw: bytes, error: FrameError) -> tuple[Any, FrameError]:
    """Read what can be read of a text that is not valid JSON.

    Parameters
    ----------
    error : FrameError
        What the strict parser said.

    Returns
    -------
    value
        The message as a lenient parser reads it; None where it reads nothing either.
    error : FrameError
        The fault with the id of the message, where that was found.
    """
    constants: set[str] = set()
    value = None
    try:
        text = raw.decode("utf-8", "replace")
        value = json.loads(text, strict=False, parse_constant=constants.add)
    except (ValueError, RecursionError):
        return None, FrameError(PARSE_ERROR, error.message, _id_in(raw))
    if constants:
        named = " and ".join(sorted(constants))
        error = FrameError(PARSE_ERROR, f"The message is not valid JSON: it contains {named}.")
    id_ = value.get("id") if isinstance(value, dict) else None
    return value, FrameError(PARSE_ERROR, error.message, id_ if is_request_id(id_) else None)


def _id_in(raw: bytes) -> int | str | None:
    found = _AT_START.match(raw[:END_BYTES]) or _AT_END.search(raw[-END_BYTES:])
    id_ = None if found is None else json.loads(found[1])
    return id_ if is_request_id(id_) else None
