# SPDX-License-Identifier: BSD-3-Clause
"""The package's front door: cheap to import, and every public name behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mcp_jupyter

ROOT = Path(__file__).parent.parent.parent


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return the top-level packages it loaded."""
    script = f"import sys; {statement}; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", script]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in output.split()}


def test_import_loads_the_standard_library_only() -> None:
    nothing = loaded_by("pass")
    # `pass` already loads what the environment's .pth files bring.
    assert loaded_by("import mcp_jupyter") - nothing - set(sys.stdlib_module_names) == {"mcp_jupyter"}


def test_loading_the_extension_imports_nothing_slow() -> None:
    # jsonschema alone may take seconds: it builds a grammar of IRIs where that package is installed.
    slow = {"authlib", "jsonschema", "matplotlib", "pandas", "polars", "pyarrow"}
    assert loaded_by("import mcp_jupyter.ipython_extension") & slow == set()


def test_loading_the_extension_imports_no_client_yet() -> None:
    script = (
        "import sys; import mcp_jupyter.ipython_extension; print('mcp_jupyter.client.client' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", mcp_jupyter.__all__)
def test_every_public_name_is_found(name: str) -> None:
    assert getattr(mcp_jupyter, name) is not None
    assert name in dir(mcp_jupyter)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mcp_jupyter.nonsense


def test_panel_is_installed_where_its_package_says() -> None:
    panel = json.loads((ROOT / "labextension" / "package.json").read_text())
    [path] = mcp_jupyter._jupyter_labextension_paths()
    assert path["dest"] == panel["name"]
    assert panel["jupyterlab"]["outputDir"] == f"../mcp_jupyter/{path['src']}"
