# SPDX-License-Identifier: BSD-3-Clause
"""A server that answers carelessly, over stdio (`python untidy_server.py`) and, through `replies`, over HTTP.

The name of a called tool is the answer itself, as text, in which `$ID` stands for the id of the request.
"""

from __future__ import annotations

import json
import sys
from typing import Any

GOOD = {"name": "good", "inputSchema": {"type": "object"}}
LATER = {"name": "later", "inputSchema": {"type": "object"}}
TEXT = {"type": "text", "text": "kept"}

RESULTS: dict[str, Any] = {
    "initialize": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}, "prompts": {}, "resources": {}},
        "serverInfo": {"name": "untidy", "version": "1"},
    },
    "ping": {},
    "tools/list": {
        "tools": [GOOD, {"name": "bad\x1b", "inputSchema": 3}, None, LATER, {"inputSchema": {}}],
        "nextCursor": "stuck",
    },
    "prompts/list": {"prompts": [{"name": "p"}, {"title": "nameless"}], "nextCursor": ""},
    "prompts/get": {
        "messages": [
            {"role": "user", "content": TEXT},
            {"role": "user", "content": {"type": "hologram", "data": "x"}},
            {"role": "system", "content": TEXT},
            7,
        ]
    },
    "resources/list": {"resources": [{"uri": "a://1", "name": "a"}, {"uri": "a://2", "size": "big"}]},
    "resources/read": {"contents": [{"uri": "a://1", "text": "kept"}, {"text": "no uri"}, {"uri": "a://3"}]},
}

held: list[int] = []


def replies(message: dict[str, Any]) -> list[str]:
    """What the server sends for a message, line by line."""
    method = message.get("method")
    if "id" not in message or method is None:
        return []
    if method in RESULTS:
        return [json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": RESULTS[method]})]
    answer = str(message["params"]["name"])
    if answer == "hold":
        held.append(message["id"])
        return []
    if answer == "release":
        ids = [message["id"], *held]
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "whose?"}}
        result = {"content": [TEXT]}
        return [json.dumps(error)] + [
            json.dumps({"jsonrpc": "2.0", "id": str(id_), "result": result}) for id_ in ids
        ]
    return [answer.replace("$ID", str(message["id"]))]


if __name__ == "__main__":
    for line in sys.stdin:
        for reply in replies(json.loads(line)):
            print(reply, flush=True)
