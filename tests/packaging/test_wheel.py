# SPDX-License-Identifier: BSD-3-Clause
"""The wheel as a user's pip builds it: from a bare checkout, with the panel and its configuration."""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILD_SECONDS = 300  # the isolated build fetches node and the panel's dependencies

pytestmark = [pytest.mark.slow, pytest.mark.timeout(BUILD_SECONDS + 30)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """Build the wheel once, from a copy that has none of the built or installed files."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    for name in ("mcp_jupyter", "labextension", "notebooks"):
        built = shutil.ignore_patterns("labextension", "lib", "node_modules", ".yarn", "__pycache__")
        shutil.copytree(ROOT / name, checkout / name, ignore=built)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, checkout]
    build = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    shutil.rmtree(checkout)  # with its node_modules it is too large for pytest to keep
    assert build.returncode == 0, build.stdout + build.stderr
    [path] = folder.glob("*.whl")
    with ZipFile(path) as archive:
        yield archive


def shared(wheel: ZipFile, path: str) -> str:
    """Find the one file that is installed under the environment's prefix at `path`."""
    [name] = [name for name in wheel.namelist() if name.endswith(f".data/data/{path}")]
    return name


def test_panel_is_complete(wheel: ZipFile) -> None:
    panel = "share/jupyter/labextensions/mcp-jupyter"
    metadata = json.loads(wheel.read(shared(wheel, f"{panel}/package.json")))
    entry = shared(wheel, f"{panel}/{metadata['jupyterlab']['_build']['load']}")
    assert wheel.getinfo(entry).file_size > 0
    assert wheel.getinfo(shared(wheel, f"{panel}/static/style.js")).file_size > 0
    installed = json.loads(wheel.read(shared(wheel, f"{panel}/install.json")))
    assert installed["packageName"] == "jupyter-mcp-engine"


def test_the_demo_notebook_is_in_the_package(wheel: ZipFile) -> None:
    assert json.loads(wheel.read("mcp_jupyter/notebooks/quickstart.ipynb"))["cells"]


def test_server_extension_is_enabled_by_the_install(wheel: ZipFile) -> None:
    name = shared(wheel, "etc/jupyter/jupyter_server_config.d/mcp_jupyter.json")
    assert json.loads(wheel.read(name)) == {"ServerApp": {"jpserver_extensions": {"mcp_jupyter": True}}}


def test_package_is_typed_and_carries_no_built_or_test_files(wheel: ZipFile) -> None:
    names = wheel.namelist()
    assert "mcp_jupyter/py.typed" in names
    beside = [name for name in names if not name.startswith(("mcp_jupyter/", "jupyter_mcp_engine-"))]
    assert beside == []
    assert not [name for name in names if name.startswith(("mcp_jupyter/labextension", "mcp_jupyter/etc"))]


def test_command_line_is_found_by_jupyter(wheel: ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    entry_points = configparser.ConfigParser()
    entry_points.read_string(wheel.read(name).decode())
    assert dict(entry_points["console_scripts"]) == {"jupyter-mcp": "mcp_jupyter.cli:main"}
