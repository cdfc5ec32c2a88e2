# SPDX-License-Identifier: BSD-3-Clause
"""Which live notebook a name or a path means."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from mcp_jupyter.errors import NotebookNotFound
from mcp_jupyter.ipc.discovery import Discovery, find_notebook
from mcp_jupyter.ipc.listener import Listener

from .echo import serve

pytestmark = pytest.mark.anyio

OpenNotebook = Callable[[str, str, str | None], AbstractAsyncContextManager[Listener]]


@pytest.fixture
def open_notebook(runtime_dir: Path) -> OpenNotebook:
    def open_notebook(kernel_id: str, name: str, path: str | None) -> AbstractAsyncContextManager[Listener]:
        return Listener.open(serve, name=name, kernel_id=kernel_id, path=path, runtime_dir=runtime_dir)

    return open_notebook


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """projB/analysis.ipynb: a notebook that is not live."""
    path = Path(os.path.realpath(tmp_path)) / "projB" / "analysis.ipynb"
    path.parent.mkdir()
    path.touch()
    return path


async def test_a_path_means_the_notebook_at_that_very_path(
    open_notebook: OpenNotebook, runtime_dir: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths and links lead to the same file (1.4)."""
    link = file.parents[1] / "link.ipynb"
    link.symlink_to(file)
    monkeypatch.chdir(file.parent)
    other = str(file.parents[1] / "projA" / "analysis.ipynb")
    async with open_notebook("k-1", "a", other), open_notebook("k-2", "b", str(file)):
        for text in (str(file), "analysis.ipynb", "../projB/analysis.ipynb", str(link)):
            assert (await find_notebook(text, Discovery(runtime_dir))).name == "b"


@pytest.mark.parametrize("said", ["analysis.ipynb", "projB/analysis.ipynb"])
async def test_a_notebook_of_another_server_is_not_taken_for_the_file(
    open_notebook: OpenNotebook, runtime_dir: Path, file: Path, said: str
) -> None:
    """The end of a path is not the path: the name is shown, and nothing is connected (1.4)."""
    async with open_notebook("k-1", "analysis", said):
        with pytest.raises(NotebookNotFound, match="is not live") as error:
            await find_notebook(str(file), Discovery(runtime_dir))
        assert f"by its name: analysis ({said})" in str(error.value)


async def test_several_kernels_of_one_file_are_listed(
    open_notebook: OpenNotebook, runtime_dir: Path, file: Path
) -> None:
    """None of them is chosen silently (1.4)."""
    async with open_notebook("k-1", "a", str(file)), open_notebook("k-2", "b", str(file)):
        with pytest.raises(NotebookNotFound, match="Several live notebooks") as error:
            await find_notebook(str(file), Discovery(runtime_dir))
        assert f"a ({file}), b ({file})" in str(error.value)


async def test_a_file_that_is_not_there_and_one_that_is_not_live_are_told_apart(
    runtime_dir: Path, file: Path
) -> None:
    discovery = Discovery(runtime_dir)
    with pytest.raises(NotebookNotFound, match=r"File not found: nowhere\.ipynb"):
        await find_notebook("nowhere.ipynb", discovery)
    with pytest.raises(NotebookNotFound, match=r"analysis\.ipynb is not live"):
        await find_notebook(str(file), discovery)


async def test_a_name_may_be_written_in_another_normal_form(
    open_notebook: OpenNotebook, runtime_dir: Path
) -> None:
    """A terminal may give the letters and their accents apart (1.2)."""
    async with open_notebook("k-1", "été", None):
        assert (await find_notebook("e\u0301te\u0301", Discovery(runtime_dir))).name == "été"
