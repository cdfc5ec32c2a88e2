# SPDX-License-Identifier: BSD-3-Clause
"""The example notebooks give the outputs that are stored in them: from a clone, without network and Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import isolated_jupyter

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN_SECONDS = 110

NAMES = ["calling-servers", "data-to-claude", "distributed-tools", "quickstart", "testing"]


def tracked() -> list[Path]:
    """What a clone has of the folder; where there is no repository, all that is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = [name for name in listed.stdout.split("\0") if name]
    files = [ROOT / name for name in names] or (ROOT / "notebooks").rglob("*")
    return [path for path in files if path.is_file()]


@pytest.fixture(scope="module")
def clone() -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder as a clone has it, and an environment in which no server can be reached."""
    with isolated_jupyter() as dirs:
        for path in tracked():
            copy = dirs.notebooks / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        programs, temporary = dirs.root / "bin", dirs.root / "t"
        programs.mkdir()  # all there is: no npx, no python but ours
        temporary.mkdir()
        for name in ("bash", "sh"):
            if (found := shutil.which(name)) is not None:
                (programs / name).symlink_to(found)
        dead = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https", "all")}
        ours = {name: value for name, value in dirs.environ.items() if not name.startswith("PYTEST")}
        own = {"PATH": str(programs), "TMPDIR": str(temporary)}
        yield dirs.notebooks / "notebooks", {**ours, **dead, **own, "MCP_JUPYTER_CASSETTES": "replay"}


def test_these_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_gives_its_outputs(clone, name):
    folder, environ = clone
    command = [sys.executable, "-m", "pytest", "--nbval", "-W", "error", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, f"{name}.ipynb"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "runner",
    [["pytest", "--nbmake"], ["papermill", "--inject-paths", "--no-progress-bar"]],
    ids=["nbmake", "papermill"],
)
def test_recorded_calls_are_replayed_by_other_runners_too(clone, runner, tmp_path):
    folder, environ = clone
    output = [str(tmp_path / "out.ipynb")] if runner[0] == "papermill" else ["-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, "-m", *runner, "calling-servers.ipynb", *output],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_what_is_stored_is_of_no_machine(path):
    text = path.read_text(encoding="utf-8")
    notebook: dict[str, Any] = json.loads(text)
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook["cells"]:
        assert not cell["metadata"].keys() - {"tags"}
    assert str(ROOT) not in text
    assert os.path.expanduser("~/") not in text
