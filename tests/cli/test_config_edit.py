# SPDX-License-Identifier: BSD-3-Clause
"""An entry in somebody else's JSON: put where it belongs, and nothing else is touched."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.client.config.config_edit import NotEditable, put_json
from mcp_jupyter.client.config.file_formats import parsed

ENTRY = {"command": "python", "args": ["-m", "x"]}

CASES = {
    "new": ("", '{\n  "s": {\n    "n": {\n      "command": "c"\n    }\n  }\n}\n'),
    "empty": ("{}", '{\n  "s": {\n    "n": {\n      "command": "c"\n    }\n  }\n}'),
    "no servers": (
        '{\n  "a": 1.0\n}\n',
        '{\n  "a": 1.0,\n  "s": {\n    "n": {\n      "command": "c"\n    }\n  }\n}\n',
    ),
    "no entries": ('{\n\t"s": {}\n}', '{\n\t"s": {\n\t\t"n": {\n\t\t\t"command": "c"\n\t\t}\n\t}\n}'),
    "beside others": (
        '{\r\n    "s": {\r\n        "é": {"a":1e5}\r\n    },\r\n    "z": [ 1 ]\r\n}\r\n',
        '{\r\n    "s": {\r\n        "é": {"a":1e5},\r\n        "n": {\r\n            "command": "c"\r\n'
        '        }\r\n    },\r\n    "z": [ 1 ]\r\n}\r\n',
    ),
    "in place": (
        '{\n  "s": {\n    "n": {"old": true},\n    "m": 1\n  }\n}',
        '{\n  "s": {\n    "n": {\n      "command": "c"\n    },\n    "m": 1\n  }\n}',
    ),
    "one line": ('{"s":{"m":{}}, "z":1E2}', '{"s":{"m":{}, "n": {"command": "c"}}, "z":1E2}'),
    "one line, in place": ('{"s":{"n":{}}}', '{"s":{"n":{"command": "c"}}}'),
    "escaped names": ('{"\\u0073": {"n": 0}}', '{"\\u0073": {"n": {"command": "c"}}}'),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_written_in_the_manner_of_the_text(case: str) -> None:
    text, expected = CASES[case]
    assert put_json(text, "s", "n", {"command": "c"}) == expected


COMMENTED = {
    "after the last": (
        '{\n  "s": {\n    "m": 1 // mine\n  }\n}',
        '{\n  "s": {\n    "m": 1, // mine\n    "n": {\n      "command": "c"\n    }\n  }\n}',
    ),
    "after a comma": (
        '{\r\n  "s": {\r\n    "m": 1, /* , */\r\n  },\r\n}',
        '{\r\n  "s": {\r\n    "m": 1, /* , */\r\n    "n": {\r\n      "command": "c"\r\n    }\r\n  },\r\n}',
    ),
    "a trailing comma": (
        '// top\n{\n  "s": {\n    "m": 1,\n  },\n}',
        '// top\n{\n  "s": {\n    "m": 1,\n    "n": {\n      "command": "c"\n    },\n  },\n}',
    ),
    "nothing but a comment": (
        '{\n  "s": {\n    // none yet\n  }\n}',
        '{\n  "s": {\n    "n": {\n      "command": "c"\n    }\n    // none yet\n  }\n}',
    ),
    "in place": ('{"s": {"n": 1, /* x */ }}', '{"s": {"n": {"command": "c"}, /* x */ }}'),
    "text like a comment": ('{"a": "// \\" x"}', '{"a": "// \\" x", "s": {"n": {"command": "c"}}}'),
}


@pytest.mark.parametrize("case", COMMENTED)
def test_comments_and_commas_stay(case: str) -> None:
    """Where the host reads them (2: installing)."""
    text, expected = COMMENTED[case]
    new = put_json(text, "s", "n", {"command": "c"}, comments=True)
    assert new == expected
    assert parsed(new.encode(), "it")["s"]["n"] == {"command": "c"}


LISTED = {
    "new": ("", '{\n  "s": [\n    {\n      "name": "n"\n    }\n  ]\n}\n'),
    "empty": ('{"s": []}', '{"s": [\n  {\n    "name": "n"\n  }\n]}'),
    "beside": (
        '{\n  "s": [\n    {"name": "m"},\n    1\n  ]\n}',
        '{\n  "s": [\n    {"name": "m"},\n    1,\n    {\n      "name": "n"\n    }\n  ]\n}',
    ),
    "in place": ('{"s": [{"name": "n", "x": 1}, {}]}', '{"s": [{"name": "n"}, {}]}'),
}


@pytest.mark.parametrize("case", LISTED)
def test_an_entry_of_a_list_is_known_by_its_name(case: str) -> None:
    """As Jupyter AI has them (2: installing)."""
    text, expected = LISTED[case]
    assert put_json(text, "s", "n", {"name": "n"}, listed=True) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{\n  // mine\n}", "line 2, column 3: .* JSON has no comments"),
        ('{\n  "a": 1,\n}', "line 2, column 9|line 3, column 1"),
        ("[1]", "line 1, column 1: The file should hold an object"),
        ('{\n  "s": [1]\n}', 'line 2, column 8: "s" should hold an object'),
        ('{"s": null}', 'line 1, column 7: "s" should hold'),
        ('{"a": 1,\n "a": 2}', 'line 2, column 2: "a" is there twice'),
        ('{"s": {"n": 1, "n": 2}}', '"n" is there twice'),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1} x', "line 1, column 10"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "1" * 10_000 + "}", "too long"),
    ],
)
def test_what_cannot_be_edited_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(NotEditable, match=words):
        put_json(text, "s", "n", ENTRY)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(st.text(), JSON, max_size=4)


@given(
    others=OBJECT,
    servers=st.none() | OBJECT,
    name=st.text(min_size=1),
    indent=st.sampled_from([None, 0, 1, 2, 4, "\t"]),
    plain=st.booleans(),
)
def test_whatever_is_there_stays(
    others: dict[str, Any], servers: dict[str, Any] | None, name: str, indent: Any, plain: bool
) -> None:
    held = {**others} if servers is None else {**others, "servers": servers}
    held = held if isinstance(held.get("servers", {}), dict) else {}
    text = json.dumps(held, indent=indent, ensure_ascii=plain)
    new = put_json(text, "servers", name, ENTRY)

    expected = {**held, "servers": {**held.get("servers", {}), name: ENTRY}}
    assert json.dumps(json.loads(new)) == json.dumps(expected)  # the order too
    kept = common(text, new) + common(text[::-1], new[::-1])
    assert name in held.get("servers", {}) or kept >= len(text)


def common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    return len([*takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))])
