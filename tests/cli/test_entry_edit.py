# SPDX-License-Identifier: BSD-3-Clause
"""A server put into the TOML of Codex and the YAML of Continue and Goose: nothing else is touched."""

from __future__ import annotations

import tomllib
from difflib import ndiff
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_jupyter.client.config.config_edit import NotEditable
from mcp_jupyter.client.config.entry_edit import put_entry
from mcp_jupyter.client.config.hosts import HOSTS

CODEX, CONTINUE, GOOSE = HOSTS["codex"], HOSTS["continue"], HOSTS["goose"]
ENTRY = {"name": "nb", "cmd": "/a b/jupyter-mcp", "args": ["attach", "no", "1.2"], "envs": {"A": "b: ü"}}


def removed(before: str, after: str) -> list[str]:
    """Lines of a text that another no longer has."""
    lines = ndiff(before.splitlines(), after.splitlines())
    return [line[2:] for line in lines if line.startswith("- ")]


TOML = {
    "new": "",
    "other settings": '# mine\nmodel = "x"  # fast\n',
    "no line end": 'model = "x"',
    "others": '[mcp_servers.git]\ncommand = "uvx"\n\n[projects."/a"]\ntrust_level = "trusted"\n',
    "out of order": '[mcp_servers.a]\ncommand = "a"\n[tui]\nx = 1\n[mcp_servers.b]\ncommand = "b"\n# end\n',
    "an empty table": "[mcp_servers]\n",
    "windows": "[tui]\r\nx = 1\r\n",
}


@pytest.mark.parametrize("case", TOML)
def test_toml_keeps_every_line(case: str) -> None:
    """Comments, order and tables of the user (2: installing)."""
    text = TOML[case]
    new, before = put_entry(CODEX, text, "nb", ENTRY)
    assert removed(text, new) == []
    assert before is None
    expected = tomllib.loads(text)
    assert tomllib.loads(new) == {**expected, "mcp_servers": {**expected.get("mcp_servers", {}), "nb": ENTRY}}


def test_toml_replaces_a_table_with_those_below_it() -> None:
    """What was there is returned, for its variables (2: installing)."""
    text = '[mcp_servers.nb]\ncommand = "old"\n[mcp_servers.nb.env]\nA = "1"\n[other] # x\ny = 1\n'
    new, before = put_entry(CODEX, text, "nb", ENTRY)
    assert before == {"command": "old", "env": {"A": "1"}}
    assert "[other] # x\ny = 1\n" in new
    assert tomllib.loads(new)["mcp_servers"] == {"nb": ENTRY}


YAML = {
    "new": "",
    "a comment": "# mine\n",
    "other settings": 'GOOSE_MODEL: "x"  # fast\nn: 0.70\n',
    "no line end": "a: 1",
    "no value": "a: 1\nextensions:   # mine\nb: 2\n",
    "no value at the end": "extensions:",
    "others": "extensions:\n    git:\n        cmd: uvx # x\n        args:\n        - a\n\n# last\nb: 1\n",
    "a text of lines": "extensions:\n  git:\n    text: >\n      a\n\n      b\n\n\nb: |\n  x\n\n",
    "windows": "extensions:\r\n  git:\r\n    cmd: uvx\r\n",
}


@pytest.mark.parametrize("case", YAML)
def test_yaml_keeps_every_line(case: str) -> None:
    """Comments, quotes and indentation of the user (2: installing)."""
    text = YAML[case]
    new, before = put_entry(GOOSE, text, "nb", ENTRY)
    assert removed(text, new) == []
    assert before is None
    expected = yaml.safe_load(text) or {}
    assert yaml.safe_load(new) == {
        **expected,
        "extensions": {**(expected.get("extensions") or {}), "nb": ENTRY},
    }


def test_an_empty_mapping_of_yaml_is_filled() -> None:
    """Goose writes one when nothing is there (2: installing)."""
    new, _ = put_entry(GOOSE, "a: 1\nextensions: {} # mine\nb: 2\n", "nb", {"cmd": "x"})
    assert new == "a: 1\nextensions: # mine\n  nb:\n    cmd: x\nb: 2\n"


def test_yaml_replaces_an_entry_and_nothing_beside_it() -> None:
    """In a mapping and in a list (2: installing)."""
    text = "extensions:\n  a: 1 # a\n  nb: # old\n    cmd: x\n    l:\n    - 1 # one\n  b: 2 # b\n"
    new, before = put_entry(GOOSE, text, "nb", {"cmd": "new"})
    assert new == "extensions:\n  a: 1 # a\n  nb:\n    cmd: new\n  b: 2 # b\n"
    assert before == {"cmd": "x", "l": [1]}
    text = "name: x\nmcpServers:\n- name: a # a\n- name: nb\n  args:\n    - 1\n- name: b # b\nrules: []\n"
    new, before = put_entry(CONTINUE, text, "nb", {"name": "nb", "command": "new"})
    assert new == (
        "name: x\nmcpServers:\n- name: a # a\n- name: nb\n  command: new\n- name: b # b\nrules: []\n"
    )
    assert before == {"name": "nb", "args": [1]}


def test_a_list_of_yaml_grows_in_its_manner() -> None:
    """Continue's file, indented by four (2: installing)."""
    text = "models:\n    - name: x\nmcpServers:\n    - name: git\n      command: uvx\n\nrules: []\n"
    new, _ = put_entry(CONTINUE, text, "nb", {"name": "nb", "command": "new"})
    assert new == text.replace("uvx\n", "uvx\n    - name: nb\n      command: new\n")


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (CODEX, "model = "),
        (CODEX, "mcp_servers = 1"),
        (GOOSE, "a: [1"),
        (GOOSE, "- a\n"),
        (GOOSE, "{extensions: {}}"),
        (GOOSE, "extensions: {a: {cmd: x}}\n"),
        (GOOSE, "extensions: [1]\n"),
        (GOOSE, "a: 1\n...\n"),
        (GOOSE, "a: 1\n---\nb: 1\n"),
        (CONTINUE, "mcpServers: {a: 1}\n"),
        (GOOSE, "[" * 5_000),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(host: Any, text: str) -> None:
    """The file stays as it is (2: installing)."""
    with pytest.raises(NotEditable):
        put_entry(host, text, "nb", ENTRY)


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
VALUES = st.text() | st.integers() | st.booleans() | st.lists(st.text(), max_size=3)
SERVERS = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3)


@example(servers={"a": {"a": ["\x85"]}}, name="b", style=True, indent=2)
@given(servers=SERVERS, name=NAMES, style=st.booleans(), indent=st.sampled_from([2, 4]))
def test_whatever_is_in_yaml_stays(servers: Any, name: str, style: bool, indent: int) -> None:
    """Any servers, in the styles that a library writes (2: installing)."""
    text = yaml.safe_dump(
        {"a": 1, "extensions": servers, "z": ["x"]},
        default_flow_style=False,
        allow_unicode=style,
        indent=indent,
    )
    said = yaml.safe_load(text)["extensions"]  # the library writes U+0085 so that it is read as a space
    new, before = put_entry(GOOSE, text, name, ENTRY)
    assert yaml.safe_load(new) == {"a": 1, "extensions": {**said, name: ENTRY}, "z": ["x"]}
    assert before == said.get(name)
