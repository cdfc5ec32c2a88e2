# SPDX-License-Identifier: BSD-3-Clause
"""Canaries for private names of IPython, ipykernel and jupyter_server, and the rule that two files use them.

A canary fails when a new version lacks a name. To mend it, change the file that it names, and nothing else.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IPYTHON = "mcp_jupyter/_ipython/private.py"
SERVER = "mcp_jupyter/extension/private.py"

NAMES = [
    # file, distribution, class or module, name, and the arguments of a method
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "_input_request", "prompt ident parent password"),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "_publish_status", "status channel parent"),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "_topic", "topic"),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "_aborting", None),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "_post_dummy_stop_aborting_message", "subshell_id"),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "shell_channel_thread", None),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "eventloop", None),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "io_loop", None),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "iopub_socket", None),
    (IPYTHON, "ipykernel", "ipykernel.kernelbase:Kernel", "shell_main", "subshell_id msg"),
    (IPYTHON, "ipykernel", "ipykernel.zmqshell:ZMQInteractiveShell", "kernel", None),
    (IPYTHON, "ipykernel", "ipykernel.zmqshell:ZMQInteractiveShell", "_showtraceback", "etype evalue stb"),
    (IPYTHON, "ipython", "IPython.core.interactiveshell:InteractiveShell", "run_code", None),
    (IPYTHON, "ipython", "IPython.core.interactiveshell:InteractiveShell", "InteractiveTB", None),
    (IPYTHON, "ipython", "IPython.core.interactiveshell:InteractiveShell", "SyntaxTB", None),
    (IPYTHON, "ipython", "IPython.core.interactiveshell:InteractiveShell", "configurables", None),
    (IPYTHON, "ipython", "IPython.core.interactiveshell:InteractiveShell", "user_ns_hidden", None),
    (IPYTHON, "ipython", "IPython.core.displayhook:DisplayHook", "exec_result", None),
    (IPYTHON, "ipython", "IPython.core.history:HistoryManager", "input_hist_raw", None),
    (IPYTHON, "ipython", "IPython.core.history:HistoryManager", "outputs", None),
    (IPYTHON, "ipython", "IPython.core.history:HistoryManager", "exceptions", None),
    (IPYTHON, "ipython", "IPython.core.magic:MagicsManager", "registry", None),
    (IPYTHON, "ipython", "IPython.extensions.autoreload", "AutoreloadMagics", None),
    (IPYTHON, "ipython", "IPython.extensions.autoreload:AutoreloadMagics", "pre_run_cell", "info"),
    (IPYTHON, "ipython", "IPython.extensions.autoreload:AutoreloadMagics", "_last_execution_info", None),
    (IPYTHON, "ipython", "IPython.core.magic_arguments:MagicArgumentParser", "_actions", None),
    (SERVER, "jupyter_server", "jupyter_server.extension.application:ExtensionApp",
     "_start_jupyter_server_extension", "serverapp"),
    (SERVER, "jupyter_server", "jupyter_server.utils", "urldecode_unix_socket_path", "socket_path"),
    (SERVER, "jupyter_server", "jupyter_server.serverapp:ServerWebApplication", "allow_remote_access", None),
    (SERVER, "jupyter_server", "jupyter_server.serverapp:ServerWebApplication", "local_hostnames", None),
    (SERVER, "jupyter_server", "jupyter_server.log", "extra_log_scrub_param_keys", None),
    (SERVER, "tornado", "tornado.web:RequestHandler", "_log", ""),
]  # fmt: skip

COMMON = {"exceptions", "kernel", "outputs", "pre_run_cell"}
"""Names of the table that mean other things elsewhere, too."""

ALLOWED = {
    "_getframe",  # of `sys`: documented, of CPython
    "_view_count",  # of ipywidgets' widgets: documented, and nothing else tells whether a widget is shown
}


def is_private(name: str) -> bool:
    """Whether a name is private: `__dunder__` and `_repr_html_` are protocols of Python and of IPython."""
    return name.startswith("_") and not name.endswith("_")


def defined_in(tree: ast.AST) -> Iterator[str]:
    """The names that a file defines: functions, classes, variables, and attributes of `self`."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                yield name
            case ast.Name(name, ast.Store()) | ast.Attribute(ast.Name("self"), name, ast.Store()):
                yield name


def used_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The names that a file uses of others, with their lines; also in texts, since `getattr` takes these."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(_, name) | ast.Constant(str(name)) | ast.FunctionDef(name):
                yield node.lineno, name
            case ast.AsyncFunctionDef(name):
                yield node.lineno, name
            case ast.ImportFrom(_, imported):
                yield from ((node.lineno, alias.name) for alias in imported)


TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "mcp_jupyter").rglob("*.py"))
}
OURS = {name for path, tree in TREES.items() if path not in (IPYTHON, SERVER) for name in defined_in(tree)}


@pytest.mark.parametrize(
    ("file", "distribution", "place", "name", "arguments"),
    NAMES,
    ids=[f"{distribution}-{place.rpartition(':')[2]}.{name}" for _, distribution, place, name, _ in NAMES],
)
def test_private_name_is_still_there(
    file: str, distribution: str, place: str, name: str, arguments: str | None
) -> None:
    which = f"{distribution} {version(distribution)} has no {place.replace(':', '.')}.{name}"
    module, _, kind = place.partition(":")
    try:
        owner = import_module(module)
        owner = getattr(owner, kind) if kind else owner
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{which}, which {file} uses: {error}.")
    found = getattr(owner, name, None)
    if arguments is None:
        # Many are attributes of objects alone: then the source of the class, or of one below it, sets them.
        sources = map(inspect.getsource, owner.__mro__[:-1] if kind else [owner])
        assert found is not None or any(name in source for source in sources), f"{which}; {file} uses it."
    else:
        assert found is not None, f"{which}; {file} uses it."
        taken = [each for each in inspect.signature(found).parameters if each != "self"]
        assert taken == arguments.split(), f"{which}({', '.join(arguments.split())}): it takes {taken} now."


def test_each_private_name_is_used() -> None:
    used = {file: {name for _, name in used_in(TREES[file])} for file in (IPYTHON, SERVER)}
    assert [(file, name) for file, _, _, name, _ in NAMES if name not in used[file]] == []


def test_private_names_stand_in_two_files_only() -> None:
    private = {name for _, _, _, name, _ in NAMES} - COMMON - OURS
    beyond = [
        f"{path}:{line}: {name}"
        for path, tree in TREES.items()
        if path not in (IPYTHON, SERVER)
        for line, name in used_in(tree)
        if name in private
    ]
    assert beyond == []


def test_no_file_reads_an_underscored_name_of_another_package() -> None:
    foreign = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in TREES.items()
        if path not in (IPYTHON, SERVER)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in OURS | ALLOWED
    ]
    assert foreign == []
