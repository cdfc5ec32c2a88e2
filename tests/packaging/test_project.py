# SPDX-License-Identifier: BSD-3-Clause
"""The files for contributors and for GitHub agree with each other, and with pyproject.toml."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
GITHUB = sorted((ROOT / ".github").rglob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md"]


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [*GITHUB, ROOT / ".pre-commit-config.yaml"], ids=lambda path: path.name)
def test_yaml_is_a_mapping(path: Path) -> None:
    assert isinstance(loaded(path), dict)


def test_actions_are_pinned_by_major_version() -> None:
    used = [use for path in GITHUB for use in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))]
    assert used, "no workflow uses an action"
    assert [use for use in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@(v\d+|release/v1)", use)] == []


def test_the_unit_workflow_runs_what_make_unit_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    match = re.search(r"^UNIT := (.+)$", makefile, re.MULTILINE)
    assert match is not None
    steps = loaded(ROOT / ".github" / "workflows" / "unit.yml")["jobs"]["unit"]["steps"]
    [run] = [step["run"] for step in steps if step.get("name") == "Test"]
    assert [word for word in run.split() if word.startswith("tests/")] == match[1].split()


def test_the_unit_workflow_has_all_supported_versions() -> None:
    matrix = loaded(ROOT / ".github" / "workflows" / "unit.yml")["jobs"]["unit"]["strategy"]["matrix"]
    classifiers = [each.rpartition(" :: ")[2] for each in PROJECT["classifiers"] if "Python :: 3." in each]
    assert matrix["python"] == classifiers
    assert PROJECT["requires-python"] == f">={classifiers[0]}"


@pytest.mark.parametrize("name", ["ipykernel", "ipython", "jupyter_server"])
def test_packages_with_private_names_have_an_upper_bound(name: str) -> None:
    [needed] = [each for each in PROJECT["dependencies"] if re.match(rf"{name}\b", each)]
    assert re.search(r",<\d+$", needed), needed


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_files_and_targets_that_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    package = [ROOT, ROOT / "mcp_jupyter", (ROOT / page).parent]
    # README is for users: what it has in backticks is theirs.
    named = (
        re.findall(r"`([a-z_]+/(?:[\w-]+/)*(?:\w+\.(?:py|md|yml))?)`", text) if page != "README.md" else []
    )
    named += re.findall(r"\]\(([^)#:]+)\)", text)
    assert [each for each in named if not any((place / each).exists() for place in package)] == []
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^    |`)make ([a-z]+)", text, re.MULTILINE)) <= targets


STEP = re.compile(r"^\| `(\S+\.py)` \| (`[^|]+`) \|", re.MULTILINE)
STEPS = STEP.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))


def defined(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    """The classes and functions of a module, methods with their class."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name
            yield from defined(node, f"{prefix}{node.name}.")


@pytest.mark.parametrize(("file", "names"), STEPS, ids=[f"{file} {names}" for file, names in STEPS])
def test_the_call_in_architecture_names_functions_that_exist(file: str, names: str) -> None:
    known = set(defined(ast.parse((ROOT / "mcp_jupyter" / file).read_text(encoding="utf-8"))))
    assert set(re.findall(r"`([\w.]+)`", names)) <= known


def test_the_call_in_architecture_has_steps() -> None:
    assert len(STEPS) > 20
