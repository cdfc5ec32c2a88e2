# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp list`, `connect`, `token` and `--help`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from mcp_jupyter.cli.output import table
from mcp_jupyter.extension.tokens import TokenStore
from mcp_jupyter.ipc.files import this_machine, write
from mcp_jupyter.server.fastmcp import FastMCP
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, OTHER, OTHER_KERNEL_ID, serve_notebook

from .support import JUPYTER_MCP, run

ANY = "--any-notebook-of-this-name"

pytestmark = pytest.mark.anyio

COMMANDS = [
    "attach",
    "call",
    "cassette",
    "connect",
    "demo",
    "dev",
    "doctor",
    "hosts",
    "inspect",
    "install",
    "list",
    "log",
    "prompt",
    "read",
    "run",
    "token",
]


# -- help ------------------------------------------------------------------------------------------


async def test_help_names_every_command(jupyter_dirs: JupyterDirs) -> None:
    ended = await run(jupyter_dirs, "--help")
    assert ended.returncode == 0
    assert b"jupyter mcp" in ended.stdout
    for name in COMMANDS:
        assert f"\n  {name} ".encode() in ended.stdout
        told = await run(jupyter_dirs, name, "--help")
        assert (told.returncode, told.stderr) == (0, b"")
        assert b"\\b" not in told.stdout


async def test_it_is_a_subcommand_of_jupyter(jupyter_dirs: JupyterDirs) -> None:
    command = [JUPYTER_MCP.replace("jupyter-mcp", "jupyter"), "mcp", "--version"]
    ended = subprocess.run(command, env=jupyter_dirs.environ, capture_output=True, check=True)
    assert re.fullmatch(rb"\d+\.\d+.*\s*", ended.stdout)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mcp_jupyter.cli import main; sys.argv = ['jupyter-mcp', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'anyio', 'pydantic', 'tornado', 'jupyter_server', 'jupyter_client', 'httpx2', 'IPython'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


async def test_a_mistyped_command_is_one_clear_line(jupyter_dirs: JupyterDirs) -> None:
    ended = await run(jupyter_dirs, "atach")
    assert ended.returncode == 2
    assert b"No such command 'atach'" in ended.stderr


# -- list ------------------------------------------------------------------------------------------


async def test_list_shows_what_is_live(jupyter_dirs: JupyterDirs) -> None:
    said = {"state": "busy", "path": "a/sales.ipynb", "tools": 2, "resources": 1, "prompts": 0}
    busy = FastMCP("busy", status=lambda: {"mcp-jupyter/notebook": said})
    async with serve_notebook(server=busy), serve_notebook(OTHER, OTHER_KERNEL_ID):
        shown = (await run(jupyter_dirs, "list")).stdout.decode()
        listed = json.loads((await run(jupyter_dirs, "list", "--json")).stdout)
    assert [line.split() for line in shown.splitlines()] == [
        ["NAME", "STATE", "TOOLS", "RESOURCES", "PROMPTS", "NOTEBOOK"],
        [OTHER, "idle", "0", "0", "0", "-"],
        [NAME, "busy", "2", "1", "0", "a/sales.ipynb"],
    ]
    assert [each["name"] for each in listed] == [OTHER, NAME]
    assert listed[1].items() >= said.items()


async def test_list_shows_a_notebook_of_another_machine_and_leaves_it_alone(
    jupyter_dirs: JupyterDirs,
) -> None:
    """Discovery on one machine does not remove what another one left in a shared directory (1.5)."""
    here = this_machine()
    other = replace(here, name="node-b", boot="another")
    async with serve_notebook() as listener:
        write(replace(listener.info, machine=other), jupyter_dirs.runtime)
        files = sorted(path.name for path in jupyter_dirs.runtime.iterdir())
        shown = await run(jupyter_dirs, "list")
        (listed,) = json.loads((await run(jupyter_dirs, "list", "--json")).stdout)
        assert sorted(path.name for path in jupyter_dirs.runtime.iterdir()) == files
    assert re.search(rf"{NAME} +on another machine \(node-b\) +- +-", shown.stdout.decode())
    assert b"can be reached only there" in shown.stderr
    assert (listed["name"], listed["state"], listed["machine"]) == (NAME, "elsewhere", "node-b")


async def test_list_of_nothing_says_how_to_begin(jupyter_dirs: JupyterDirs) -> None:
    ended = await run(jupyter_dirs, "list")
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert b"%load_ext mcp_jupyter" in ended.stderr
    assert json.loads((await run(jupyter_dirs, "list", "--json")).stdout) == []


def test_a_table_obeys_nobody() -> None:
    assert table(["A", "B"], [["x\x1b[31m", "\u202ey\n"], ["longer", 1]]) == (
        "A       B\nx       ⟨U+202E⟩y\nlonger  1"
    )


# -- connect ---------------------------------------------------------------------------------------


async def test_connect_works_for_every_live_notebook(jupyter_dirs: JupyterDirs, jupyter_url: str) -> None:
    """The lines for programs, and the URL with `TOKEN` in its place: only hashes are kept (1.37)."""
    async with serve_notebook():
        for args in ((NAME,), ()):
            shown = await run(jupyter_dirs, "connect", *args)
            said = shown.stdout.decode()
            assert (shown.returncode, shown.stderr) == (0, b"")
            assert f"-- {JUPYTER_MCP} attach {NAME}\n" in said
            assert f"Streamable HTTP  {jupyter_url}{NAME}\nHTTP+SSE         {jupyter_url}{NAME}/sse\n" in said
            url = f"--transport http {NAME} {jupyter_url}{NAME} --header 'Authorization: Bearer TOKEN'"
            assert f"claude mcp add {url}\n" in said
    assert TokenStore().tokens() == []


async def test_connect_makes_a_new_token_and_shows_it_once(
    jupyter_dirs: JupyterDirs, jupyter_url: str
) -> None:
    """`--new-token --tool GLOB` prints the lines with the token that it makes (1.37)."""
    async with serve_notebook():
        shown = await run(jupyter_dirs, "connect", NAME, "--new-token", "--tool", "total")
        said = shown.stdout.decode()
        text = said.splitlines()[0].removeprefix("Token:  ")
        token = TokenStore().verify(text)
        assert (token.servers, token.tools, token.resources) == ((NAME,), ("total",), ())
        assert f"{jupyter_url}{NAME} --header 'Authorization: Bearer {text}'" in said
        assert text not in (await run(jupyter_dirs, "connect", NAME)).stdout.decode()


async def test_connect_makes_no_token_that_nobody_could_use(jupyter_dirs: JupyterDirs) -> None:
    async with serve_notebook():
        ended = await run(jupyter_dirs, "connect", NAME, "--new-token", "--tool", "*")
        assert ended.returncode == 1
        assert b"No running Jupyter Server says here" in ended.stderr
        ended = await run(jupyter_dirs, "connect", NAME, "--tool", "*")
        assert ended.returncode == 2
        assert b"--new-token" in ended.stderr
    ended = await run(jupyter_dirs, "connect", "nosuch")
    assert (ended.returncode, TokenStore().tokens()) == (1, [])
    assert b"No live notebook is named 'nosuch'" in ended.stderr


# -- token -----------------------------------------------------------------------------------------


async def test_a_token_from_making_to_revoking(jupyter_dirs: JupyterDirs) -> None:
    made = await run(
        jupyter_dirs, "token", "create", NAME, "team-*", ANY, "--tool", "top_*", "--tool", "x", "--days", "2"
    )
    assert made.returncode == 0
    first, second = made.stdout.decode().splitlines()
    text = first.removeprefix("Token:  ")
    assert second == f"Header: Authorization: Bearer {text}"
    assert b"No running Jupyter Server says here at which URL it is reached" in made.stderr
    assert text not in made.stderr.decode()

    token = TokenStore().verify(text)
    assert (token.servers, token.tools, token.audience) == ((NAME, "team-*"), ("top_*", "x"), None)
    assert token.expires is not None
    assert (token.expires - token.created).days == 2

    listed = await run(jupyter_dirs, "token", "list")
    assert token.id in listed.stdout.decode()
    assert text[14:] not in listed.stdout.decode()
    (model,) = json.loads((await run(jupyter_dirs, "token", "list", "--json")).stdout)
    assert model["id"] == token.id
    assert "digest" not in model

    assert (await run(jupyter_dirs, "token", "revoke", token.id)).returncode == 0
    assert b"revoked" in (await run(jupyter_dirs, "token", "list")).stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "Missing argument"),
        ((NAME,), "--tool GLOB, --resource GLOB, --prompt GLOB"),
        ((NAME, "--resource", "data://a b"), "'data://a b'"),
        ((NAME, "--resource", "data://[ab]"), "'data://[ab]'"),
        (("a b", "--tool", "*"), "'a b'"),
        ((NAME, "--tool", "[a-z]"), "'[a-z]'"),
        ((NAME, "--tool", "*", "--days", "0"), "--days"),
        ((NAME, "--tool", "*", "--days", "99999"), "--days"),
        ((NAME, "--tool", "*", "--days", "3", "--never-expires"), "--never-expires"),
        ((NAME, "--tool", "*", "--label", "a\nb"), "label"),
    ],
)
async def test_a_bad_wish_is_told_what_is_wrong(
    jupyter_dirs: JupyterDirs, args: tuple[str, ...], words: str
) -> None:
    ended = await run(jupyter_dirs, "token", "create", *args, ANY)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert words in ended.stderr.decode()
    assert "Traceback" not in ended.stderr.decode()
    assert TokenStore().tokens() == []


async def test_a_token_allows_nothing_of_a_kind_that_is_left_out(jupyter_dirs: JupyterDirs) -> None:
    """Scopes for resources and prompts are given in so many words, and what is left out is said (1.27)."""
    made = await run(
        jupyter_dirs, "token", "create", NAME, ANY, "--resource", "data://sales*", "--never-expires"
    )
    assert b"calls no tools, reads resources data://sales*, gets no prompts" in made.stderr
    assert b"until it is revoked" in made.stderr
    (token,) = TokenStore().tokens()
    assert (token.tools, token.resources, token.prompts) == ((), ("data://sales*",), ())
    assert (token.expires, token.label) == (None, NAME)
    listed = (await run(jupyter_dirs, "token", "list")).stdout.decode().splitlines()
    assert listed[0].split()[3:6] == ["TOOLS", "RESOURCES", "PROMPTS"]
    assert listed[1].split()[2:9] == ["any", "notebook", "named", NAME, "-", "data://sales*", "-"]


@pytest.mark.parametrize(
    ("names", "url", "called"),
    [((NAME,), NAME, NAME), ((NAME, OTHER), "", "notebooks"), (("sa*",), "", "notebooks")],
)
async def test_a_new_token_comes_with_the_lines_for_hosts(
    jupyter_dirs: JupyterDirs, jupyter_url: str, names: tuple[str, ...], url: str, called: str
) -> None:
    """`token create` prints the URL and the hosts' lines, with the token, once (1.37)."""
    async with serve_notebook(), serve_notebook(OTHER, OTHER_KERNEL_ID):
        made = await run(jupyter_dirs, "token", "create", *names, ANY, "--tool", "*")
    said = made.stdout.decode()
    text = said.splitlines()[0].removeprefix("Token:  ")
    assert TokenStore().verify(text).servers == names
    assert f"URL:    {jupyter_url}{url}\n" in said
    line = (
        f"claude mcp add --transport http {called} {jupyter_url}{url} --header 'Authorization: Bearer {text}'"
    )
    assert line in said
    assert "Note:" not in made.stderr.decode()


async def test_a_token_for_what_does_not_exist_is_made_and_told(jupyter_dirs: JupyterDirs) -> None:
    """A notebook, tool, resource or prompt that is not there now is said (1.36)."""
    wishes = ("--tool", "tot*", "--tool", "nosuch", "--resource", "data://x*", "--prompt", "ask")
    async with serve_notebook():
        made = await run(jupyter_dirs, "token", "create", NAME, "gone", ANY, *wishes)
    assert made.returncode == 0
    notes = [line for line in made.stderr.decode().splitlines() if line.startswith("Note: ")]
    assert notes == [
        f"Note: No live notebook is named 'gone' now. The live notebooks: {NAME}.",
        f"Note: No tool of {NAME} matches 'nosuch' now. The tools: erase, total, wait.",
        f"Note: No resource of {NAME} matches 'data://x*' now. The resources: data://figures.",
    ]
    assert len(TokenStore().tokens()) == 1


async def test_revoking_what_is_not_there(jupyter_dirs: JupyterDirs) -> None:
    ended = await run(jupyter_dirs, "token", "revoke", "aaaaaaaa")
    assert ended.returncode == 1
    assert ended.stderr == b"Error: Unknown token id. `jupyter mcp token list` shows the ids.\n"


async def test_an_unsafe_file_is_explained(jupyter_dirs: JupyterDirs) -> None:
    await run(jupyter_dirs, "token", "create", NAME, ANY, "--tool", "*")
    TokenStore().path.chmod(0o644)
    for args in (("list",), ("revoke", "aaaaaaaa"), ("create", NAME, ANY, "--tool", "*")):
        ended = await run(jupyter_dirs, "token", *args)
        assert ended.returncode == 1
        assert b"chmod 600" in ended.stderr
