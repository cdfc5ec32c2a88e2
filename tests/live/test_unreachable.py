# SPDX-License-Identifier: BSD-3-Clause
"""Kernels that a Jupyter Server has and that serve where it does not look: the notebook says so."""

from __future__ import annotations

import json
import sys

import pytest

LOAD = "%load_ext mcp_jupyter"
KERNEL = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.fixture
def kernelspec(jupyter):
    """Install a kernel that is started in a way of its own."""

    def install(name, argv=KERNEL, **environ):
        folder = jupyter.dirs.data / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": "python", "env": environ}
        (folder / "kernel.json").write_text(json.dumps(spec))
        return name

    return install


def test_a_kernel_that_the_server_can_reach_has_nothing_to_say(jupyter):
    """The card of a kernel of this machine has no warning (1.38)."""
    with jupyter.notebook("here.ipynb") as notebook:
        assert "cannot reach" not in notebook.run(LOAD).text
        assert "here" in jupyter.served()


def test_a_runtime_directory_of_the_kernels_own_is_named(jupyter, kernelspec, tmp_path):
    """With JUPYTER_RUNTIME_DIR in a kernelspec nobody finds the kernel; the card names both (1.38)."""
    name = kernelspec("elsewhere", JUPYTER_RUNTIME_DIR=str(tmp_path))
    with jupyter.notebook("elsewhere.ipynb", kernel=name) as notebook:
        for card in (notebook.run(LOAD).text, notebook.run("%mcp_status").text):
            assert "Your Jupyter Server cannot reach this kernel, because" in card
            assert f"its Jupyter runtime directory is {tmp_path}" in card
            assert f"the server's is {jupyter.dirs.runtime}" in card
            assert "JUPYTER_RUNTIME_DIR" in card
        assert "elsewhere" not in jupyter.served()


def test_a_kernel_of_a_gateway_says_so(jupyter, kernelspec):
    """A Kernel Gateway says in the environment that it started the kernel (1.38)."""
    with jupyter.notebook("far.ipynb", kernel=kernelspec("far", KERNEL_GATEWAY="1")) as notebook:
        card = notebook.run(LOAD).text
    assert "Your Jupyter Server cannot reach this kernel, because it was started through a gateway" in card
    assert "there, run `jupyter mcp connect far`" in card
    assert "To connect an assistant" not in card


def test_a_kernel_that_the_server_did_not_launch_in_its_own_container_says_so(jupyter, kernelspec):
    """In a container or on another machine, the process that launched the kernel is not there (1.38)."""
    argv = ["env", "--unset=JPY_PARENT_PID", *KERNEL]
    with jupyter.notebook("boxed.ipynb", kernel=kernelspec("boxed", argv)) as notebook:
        assert "because it runs in a container or sandbox of its own" in notebook.run(LOAD).text
