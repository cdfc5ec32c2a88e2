# SPDX-License-Identifier: BSD-3-Clause
"""What a cell under one of our magics shows of its errors: what a plain cell shows, in a real kernel."""

from __future__ import annotations

import re

import pytest

from .live import live_kernel

HEADS = ["%%mcp_tool --read-only", "%%mcp_resource data://x", "%%mcp_prompt"]


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/cells.ipynb") as kernel:
        assert kernel.run("%load_ext mcp_jupyter").error == ""
        yield kernel


def errors(kernel, body: str, head: str) -> tuple[str, str]:
    """The tracebacks of a cell under a magic, and of a plain cell whose first line is a comment."""
    ours = kernel.run(f"{head}\n{body}")
    plain = kernel.run(f"# {head}\n{body}")
    number = kernel.run("print(len(In) - 1)").printed.strip()  # both ran just before
    before, after = f"In[{int(number) - 1}]", f"In[{int(number) - 2}]"
    return ours.traceback, plain.traceback.replace(before, after).replace(f"# {head}", head)


BODIES = {
    "a syntax error": "def f(:\n    pass",
    "an indentation error": "def f():\n    a = 1\n  b = 2",
    "what only the compiler refuses": "def f():\n    pass\nreturn f",
    "a name that is not there": "def f():\n    pass\n\nxxx",
    "an error in a function": "def f(x):\n    return 1 / x\n\nf(0)",
    "a module that is not there": "import no_such_module\ndef f(): pass",
    "a syntax error in code that the cell runs": "def f(): pass\nexec('1 +')",
    "an indentation error in code that its function runs": (
        "def f(): pass\ndef g():\n    eval(compile('if 1:\\nx', 'given', 'exec'))\n\ng()"
    ),
    "an error in another's handler": (
        "def f(): pass\ntry:\n    {}[1]\nexcept KeyError as e:\n    raise ValueError('no') from e"
    ),
}


def test_a_syntax_error_while_a_cell_runs_is_found_again(kernel):
    """The error itself is the cause of the one that the cell ends with (1.35)."""
    ran = kernel.run("%%mcp_tool\ndef f(): pass\nexec('1 +')")
    assert ran.error.startswith("SyntaxError: invalid syntax (<string>, line 1)")
    again = kernel.run("%tb")
    assert "mcp_jupyter" not in ran.traceback
    assert "exec('1 +')" in ran.traceback
    assert "exec('1 +')" in again.printed + again.traceback
    assert kernel.run("import sys\nprint(repr(sys.last_value.__cause__))").printed.startswith("SyntaxError(")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_error_in_a_cell_is_shown_as_in_a_plain_cell(kernel, body, head):
    """With the number and the lines of the cell, and without a frame of ours (1.35)."""
    ours, plain = errors(kernel, body, head)
    assert ours == plain


def test_blank_lines_at_the_beginning_are_counted(kernel):
    """The line is that of the cell (1.35)."""
    ran = kernel.run("%%mcp_tool\n\n\ndef f(:\n    pass")
    assert re.search(r"Cell In\[\d+\], line 4\n    def f\(:", ran.traceback)


def test_a_tool_that_fails_later_shows_its_own_lines(kernel):
    """A function remembers where in its cell it stands (1.35)."""
    assert kernel.run("%%mcp_tool\ndef f(x):\n    return 1 / x").error == ""
    assert re.search(r"Cell In\[\d+\], line 3, in f\(x\)", kernel.run("f(0)").traceback)
    ran = kernel.run("import inspect\nprint(inspect.getsource(f))")
    assert ran.printed.rstrip() == "def f(x):\n    return 1 / x"


def test_under_another_cell_magic_the_number_is_that_of_the_cell(kernel):
    """Whoever shows the error, the cell is found by its number (1.35)."""
    ran = kernel.run("%%time\n%%mcp_tool\ndef f(:\n    pass")
    number = int(kernel.run("print(len(In) - 1)").printed) - 1
    assert set(re.findall(r"Cell In\[(\d+)\]", ran.traceback)) == {str(number)}


def test_prose_under_a_prompt_is_no_syntax_error(kernel):
    assert kernel.run("%%mcp_prompt greet\nSay hello (to {name}.").error == ""


def test_a_cell_that_is_being_typed_is_not_refused(kernel):
    """A console asks after each line whether the cell is complete (1.35)."""
    transformers = "get_ipython().input_transformer_manager"
    ran = kernel.run(f"print({transformers}.check_complete('%%mcp_tool\\ndef f(x):'))")
    assert ran.printed == "('incomplete', 0)\n"
