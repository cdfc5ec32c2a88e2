# SPDX-License-Identifier: BSD-3-Clause
"""A server that does what no server should: `python hostile.py KIND`. Knows no library of ours."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

KIND = sys.argv[1]
ESCAPES = "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07"
POISON = ESCAPES + " \u202egnp.exe <img src=x onerror=alert(1)>"
FLOOD = 20_000

Message = dict[str, Any]


def say(message: Message) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def notify(method: str, params: Message) -> None:
    say({"method": method, "params": params})


def text(value: str) -> Message:
    return {"content": [{"type": "text", "text": value}]}


def schema(**properties: Any) -> Message:
    return {"type": "object", "properties": properties}


NUMBER = {"type": "number"}

TOOLS = [
    {"name": "ok", "inputSchema": schema(x=NUMBER)},
    {"name": "hang", "inputSchema": schema()},
    {"name": "flood", "inputSchema": schema()},
    {"name": "lie", "inputSchema": schema(), "outputSchema": {**schema(n=NUMBER), "required": ["n"]}},
    {"name": "silent_lie", "inputSchema": schema(), "outputSchema": schema(n=NUMBER)},
    {"name": "wants_more", "inputSchema": schema(), "description": POISON},
    {"name": "odd", "inputSchema": {"type": "array", "$ref": "http://evil.example/schema.json"}},
    {"name": "deep", "inputSchema": schema(x={"$ref": "#/properties/x"})},
    {"name": "pattern", "inputSchema": schema(x={"type": "string", "pattern": "(a+)+$"})},
    {"name": "no-identifier.at/all", "inputSchema": schema(**{"class": NUMBER, "a b": NUMBER})},
    {
        "name": "poison",
        "title": POISON,
        "description": POISON,
        "inputSchema": schema(x={"description": POISON}),
    },
    {"name": "unknown_content", "inputSchema": schema()},
    {"name": "bad_image", "inputSchema": schema()},
    {"name": "large", "inputSchema": schema()},
]


def flood(message: Message) -> None:
    token = message["params"].get("_meta", {}).get("progressToken")
    for number in range(FLOOD):
        notify("notifications/message", {"level": "info", "data": f"line {number} " + "x" * 100})
        notify("notifications/tools/list_changed", {})
        if token is not None:
            notify("notifications/progress", {"progressToken": token, "progress": number, "message": POISON})


RESULTS = {
    "ok": text("fine"),
    "flood": text("flooded"),
    "lie": {**text("n"), "structuredContent": {"n": "not a number"}},
    "silent_lie": text("no structured content"),
    "poison": text(POISON),
    "unknown_content": {
        "content": [{"type": "hologram", "data": "x"}, {"type": "text", "text": "beside it"}]
    },
    "bad_image": {"content": [{"type": "image", "data": "PHN2Zy8+", "mimeType": "image/png"}]},
    "large": text("y" * 3_000_000),
}


def call(message: Message) -> None:
    name = message["params"]["name"]
    if name == "flood":
        flood(message)
    if name == "wants_more":
        say({"id": message["id"], "error": {"code": -32602, "message": POISON + " x is missing"}})
    elif name in RESULTS:
        say({"id": message["id"], "result": RESULTS[name]})


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        method = message.get("method")
        if method == "initialize":
            if KIND == "mute":
                time.sleep(3600)
            capabilities = {"tools": {"listChanged": True}, "logging": {}}
            result = {"protocolVersion": "2025-11-25", "capabilities": capabilities}
            say({"id": message["id"], "result": {**result, "serverInfo": {"name": POISON, "version": "1"}}})
        elif method == "server/discover":
            say({"id": message["id"], "error": {"code": -32601, "message": "no"}})
        elif method == "tools/list":
            tools = [{"name": f"t{n}", "inputSchema": {"type": "object"}} for n in range(20_000)]
            say({"id": message["id"], "result": {"tools": tools if KIND == "many" else TOOLS}})
        elif method == "tools/call":
            call(message)


main()
