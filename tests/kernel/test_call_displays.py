# SPDX-License-Identifier: BSD-3-Clause
"""What calls in a real kernel display and draw: it is the caller's, never a cell's."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import PIL.Image
import pytest

from mcp_jupyter.server.content.images import MAX_IMAGE_SIDE
from tests.conftest import JupyterDirs
from tests.kernel.driven import DrivenKernel, Pending, driven_kernel

PRELUDE = """
from IPython.display import HTML, clear_output, display, update_display

def shows():
    display(HTML("<b>first</b>"))
    display({"application/json": {"a": 1}, "text/plain": "x"}, raw=True)
    return "shown"

async def shows_async():
    display("before")
    await asyncio.sleep(0.01)
    display("after")

def updates():
    handle = display("old", display_id=True)
    display("other")
    handle.update("new")

def clears():
    for number in range(3):
        clear_output(wait=True)
        display(number)

def shows_much():
    for number in range(150): display(number)
"""

DRAWS = """
import matplotlib.pyplot as plt
def draws(count=1, show=False, fail=False):
    for number in range(count):
        plt.figure()
        plt.plot([1, 2, number])
    plt.figure()  # empty
    if show: plt.show()
    if fail: raise ValueError("after drawing")
    return plt.get_fignums()
async def draws_async():
    figure, axes = plt.subplots()
    await asyncio.sleep(0.01)
    axes.plot([1, 2, 3])
def draws_wrongly():
    plt.plot([1, 2]); plt.title(r"$\\\\wrong{$"); return "value"
"""

MODES = [("", False), ("", True), ("_async", False), ("_async", True)]


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(module_jupyter_dirs, PRELUDE) as kernel:
        yield kernel


def texts(call: Pending) -> list[str]:
    """The texts that a call displayed."""
    return [block["text"] for block in call.displayed()]


def pictures(call: Pending) -> list[dict[str, Any]]:
    """The pictures that a call displayed; each has a text directly after it."""
    blocks = call.displayed()
    found = [at for at, block in enumerate(blocks) if block["type"] == "image"]
    assert all(blocks[at + 1]["text"].startswith("Picture: Figure") for at in found)
    return [blocks[at] for at in found]


def silent(kernel: DrivenKernel) -> None:
    """Nothing came up in the notebook: neither in a cell nor anywhere else."""
    kernel.run("")  # what calls did before this is on its way before the end of this
    assert kernel.uninvited() == []


# ------------------------------------------------------------------------------------------- displays


@pytest.mark.parametrize("concurrent", [False, True])
def test_displays_become_part_of_the_outcome(kernel: DrivenKernel, concurrent: bool) -> None:
    call = kernel.call("shows", concurrent=concurrent)
    assert texts(call) == ["first", '{"a":1}']
    assert texts(kernel.call("shows_async", concurrent=concurrent)) == ["'before'", "'after'"]
    silent(kernel)


def test_a_display_is_updated_in_place(kernel: DrivenKernel) -> None:
    assert texts(kernel.call("updates")) == ["'new'", "'other'"]
    silent(kernel)


def test_a_call_may_update_what_a_cell_displays(kernel: DrivenKernel) -> None:
    kernel.run("dashboard = display('old', display_id='dashboard')\ndef refresh(): dashboard_update('fresh')")
    kernel.run("def dashboard_update(value): update_display(value, display_id='dashboard')")
    assert kernel.call("refresh").displayed() == []
    kernel.run("")
    assert kernel.uninvited("update_display_data") == ["'fresh'"]


def test_clearing_leaves_the_last_picture(kernel: DrivenKernel) -> None:
    assert texts(kernel.call("clears")) == ["2"]
    silent(kernel)


def test_a_tool_that_displays_much_is_cut(kernel: DrivenKernel) -> None:
    call = kernel.call("shows_much")
    assert len(call.displayed()) == 100
    assert call.logs == [("warning", "... 50 more displays")]


def test_cells_display_as_before(kernel: DrivenKernel) -> None:
    kernel.call("shows").value()
    cell = kernel.run("display('mine')\n'result'")
    assert cell.of("display_data")[0]["data"]["text/plain"] == "'mine'"
    assert cell.of("execute_result")[0]["data"]["text/plain"] == "'result'"


@pytest.mark.parametrize(("name", "concurrent"), MODES)
def test_pictures_are_scaled_where_the_call_ran(kernel: DrivenKernel, name: str, concurrent: bool) -> None:
    """The engine's loop, which all calls share, scales no picture (house 8.11)."""
    kernel.run("""
import base64, io
from PIL import Image
from mcp_jupyter.server.content import conversion
scaling, scaled = [], conversion.picture
def watched(*args):
    scaling.append(threading.current_thread().name)
    return scaled(*args)
conversion.picture = watched
def shows_large():
    target = io.BytesIO()
    Image.new("RGB", (4000, 40)).save(target, "png")
    display({"image/png": base64.b64encode(target.getvalue()).decode()}, raw=True)
async def shows_large_async(): shows_large()
""")
    picture, _ = kernel.call(f"shows_large{name}", concurrent=concurrent).displayed()
    with PIL.Image.open(io.BytesIO(base64.b64decode(picture["data"]))) as image:
        assert max(image.size) == MAX_IMAGE_SIDE
    (thread,) = kernel.evaluate("scaling")
    assert thread != "engine" if concurrent else thread == "MainThread"
    kernel.run("conversion.picture = scaled")


@pytest.mark.parametrize("concurrent", [False, True])
def test_what_a_thread_of_the_call_displays_is_the_calls(kernel: DrivenKernel, concurrent: bool) -> None:
    kernel.run("""
async def shows_in_threads():
    await asyncio.to_thread(display, "dropped")
    await asyncio.to_thread(clear_output)
    await asyncio.to_thread(display, {"text/plain": "raw"}, raw=True)
    await asyncio.to_thread(display, "formatted")
""")
    for _ in range(3):  # on threads that have been used before, too
        assert texts(kernel.call("shows_in_threads", concurrent=concurrent)) == ["raw", "'formatted'"]
    silent(kernel)


def test_a_displayed_picture_has_its_authors_text_or_its_own(kernel: DrivenKernel) -> None:
    """Of Pillow's images, mode and size (2: pictures)."""
    kernel.run("""
import PIL.Image, IPython.display
def shows_pictures():
    image = PIL.Image.new("L", (3, 2))
    display(image)
    display(IPython.display.Image(data=image._repr_png_(), alt="sales by region"))
""")
    blocks = kernel.call("shows_pictures").displayed()
    assert [block.get("text", block["type"]) for block in blocks] == [
        "image",
        "Picture: PIL.Image.Image image mode=L size=3x2 (3x2 pixels)",
        "image",
        "Picture: sales by region (3x2 pixels)",
    ]


def test_a_displayed_frame_is_the_table_that_a_returned_one_is(kernel: DrivenKernel) -> None:
    """`display(df)` gives all rows that a returned frame gives, not the first and last five (1.19)."""
    kernel.run("""
import pandas as pd
frame = pd.DataFrame({"a": range(150), "b": [0.5] * 150})
def shows_frame(): display(frame)
def captures_frame():
    from IPython.utils.capture import capture_output
    with capture_output() as kept:
        display(frame)
    return sorted(kept.outputs[0].data)
""")
    (table,) = texts(kernel.call("shows_frame"))
    assert table.splitlines()[:3] == ["| a | b |", "| --- | --- |", "| 0 | 0.5 |"]
    assert table.splitlines()[-1] == "| 149 | 0.5 |"
    assert {"text/html", "text/plain"} <= set(kernel.call("captures_frame").value())
    assert sorted(kernel.run("display(frame)").of("display_data")[0]["data"]) == ["text/html", "text/plain"]


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_widget_is_its_last_state(kernel: DrivenKernel, concurrent: bool) -> None:
    """A progress bar that has ended does not say "0 %" (1.19)."""
    kernel.run("""
import gc, ipywidgets
from tqdm.notebook import tqdm
def progresses(leave=True, gone=False):
    bar = tqdm(range(7), leave=leave)
    for _ in bar: pass
    if gone:  # the widget stays
        del bar
        gc.collect()
    slider = ipywidgets.IntSlider(description="kept")
    display(slider)
    slider.value = 42
""")
    for gone in (False, True):
        bar, slider = texts(kernel.call("progresses", concurrent=concurrent, gone=gone))
        assert bar.startswith("100%")
        assert "7/7 [" in bar
        assert "value=42" in slider
    (slider,) = texts(kernel.call("progresses", concurrent=concurrent, leave=False))
    assert "value=42" in slider


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_cell_that_a_call_runs_is_the_calls(kernel: DrivenKernel, concurrent: bool) -> None:
    """`run_cell` in a tool: value, error and output are the call's, not the notebook's (1.19)."""
    kernel.run("""
def runs(source): return get_ipython().run_cell(source).success
async def runs_async(source):
    shell = get_ipython()
    return (await shell.run_cell_async(source, transformed_cell=shell.transform_cell(source))).success
""")
    for name in ("runs", "runs_async"):
        call = kernel.call(name, source="print('printed')\n6 * 7", concurrent=concurrent)
        assert (texts(call), call.value(), call.logs) == (["42"], True, [("info", "printed")])
        call = kernel.call(name, source="1/0", concurrent=concurrent)
        (trace,) = texts(call)
        assert call.value() is False
        assert trace.splitlines()[-1] == "ZeroDivisionError: division by zero"
        assert "\x1b" not in trace
    silent(kernel)
    cell = kernel.send("1/0").wait()
    assert cell.error == "ZeroDivisionError"
    assert kernel.run("6 * 7").of("execute_result")[0]["data"]["text/plain"] == "42"


# -------------------------------------------------------------------------------------------- figures


def test_figures_left_open_are_drawn_and_closed(kernel: DrivenKernel) -> None:
    assert kernel.call("shows").displayed()  # without matplotlib
    kernel.run(DRAWS)
    drawn = pictures(kernel.call("draws", count=2))
    assert [picture["mimeType"] for picture in drawn] == ["image/png", "image/png"]
    assert base64.b64decode(drawn[0]["data"]).startswith(b"\x89PNG")
    assert len(pictures(kernel.call("draws_async"))) == 1
    assert kernel.call("draws", show=True).displayed()[0]["mimeType"] == "image/png"
    assert kernel.call("draws", fail=True).error() == ("ValueError", "after drawing")
    wrong = kernel.call("draws_wrongly")
    assert wrong.value() == "value"
    assert wrong.displayed() == []
    assert any("could not be drawn" in text for _, text in wrong.logs)
    assert kernel.evaluate("plt.get_fignums()") == []
    silent(kernel)
    cell = kernel.run("1 + 1")
    assert "display_data" not in cell.kinds


def test_figures_of_a_cell_stay_its_own(kernel: DrivenKernel) -> None:
    kernel.run(DRAWS)
    cell = kernel.busy("figure = plt.figure(); plt.plot([3, 2, 1]); await driver.hold_async()")
    assert len(kernel.call("draws").displayed()) == 2  # a picture and its text
    shown = kernel.call("draws", show=True).displayed()
    said = [block.get("text", "")[:22] for block in shown]
    assert said == ["", "Picture: Figure, 1 lin", "Figure, empty"]
    kernel.release()
    assert len(cell.wait().of("display_data")) == 1


def test_a_figure_left_open_is_no_larger_than_a_model_looks_at(kernel: DrivenKernel) -> None:
    kernel.run(
        "import matplotlib.pyplot as plt\ndef draws_wide(): plt.figure(figsize=(60, 5)).gca().plot([1, 2])"
    )
    (picture,) = pictures(kernel.call("draws_wide"))
    with PIL.Image.open(io.BytesIO(base64.b64decode(picture["data"]))) as image:
        assert max(image.size) <= MAX_IMAGE_SIDE * 1.05  # the edges are cut to what is drawn


@pytest.mark.parametrize("name", ["lingers", "lingers_async"])
@pytest.mark.parametrize("concurrent", [False, True])
def test_a_figure_of_a_call_is_in_no_cell(kernel: DrivenKernel, name: str, concurrent: bool) -> None:
    """A figure that a call left open is its own, and never the next cell's (1.19)."""
    kernel.run("""
import matplotlib.pyplot as plt
def lingers():
    plt.plot([1, 2]); driver.hold(); plt.plot([2, 1])
    return plt.get_fignums()
async def lingers_async():
    plt.plot([1, 2]); await driver.hold_async(); plt.plot([2, 1])
    return plt.get_fignums()
""")
    if concurrent or name == "lingers_async":  # a cell runs while the figure is open
        call = kernel.begin_call(name, concurrent=concurrent)
        cell = kernel.run("plt.plot([3, 4]); plt.get_fignums()")
        assert len(cell.of("display_data")) == 1
    else:
        call = kernel.begin_call(name)
    kernel.release()
    assert call.value() == [1]
    assert [block["mimeType"] for block in pictures(call)] == ["image/png"]
    cell = kernel.run("plt.get_fignums()")
    assert cell.of("execute_result")[0]["data"]["text/plain"] == "[]"
    assert cell.of("display_data") == []
    silent(kernel)


@pytest.mark.parametrize("concurrent", [False, True])
def test_one_figure_is_sent_once(kernel: DrivenKernel, concurrent: bool) -> None:
    """A figure that is displayed, shown and left open is one picture: its last state (1.19)."""
    kernel.run("""
import matplotlib.pyplot as plt
def draws_shown(how):
    figure, axes = plt.subplots(layout="constrained")
    axes.plot([1, 2])
    if how == "displayed": display(figure)
    if how == "axes": display(axes)
    if how == "shown": plt.show()
    axes.set_title("A title that came late")
def draws_frames():
    figure, axes = plt.subplots()
    for number in range(3):
        axes.plot([1, number])
        display(figure)
""")
    for how in ("displayed", "axes", "shown"):
        assert len(pictures(kernel.call("draws_shown", how=how, concurrent=concurrent))) == 1
    kernel.run("%config InlineBackend.close_figures = False")
    shown = kernel.call("draws_shown", how="shown", concurrent=concurrent).displayed()
    kernel.run("%config InlineBackend.close_figures = True")
    assert shown == kernel.call("draws_shown", how="", concurrent=concurrent).displayed()
    assert shown[1]["text"].startswith("Picture: Figure 'A title that came late', 1 line (")
    frames = pictures(kernel.call("draws_frames", concurrent=concurrent))
    assert len({block["data"] for block in frames}) == 3
    silent(kernel)


def test_a_call_may_draw_into_a_figure_of_the_notebook_by_its_number(kernel: DrivenKernel) -> None:
    kernel.run("%config InlineBackend.close_figures = False")
    kernel.run("import matplotlib.pyplot as plt; plt.figure(7); plt.plot([1, 2])")
    kernel.run("""
def adds(): plt.figure(7).gca().plot([2, 1]); return len(plt.gca().lines), plt.figure().number
def closes(): plt.close(7)
""")
    call = kernel.call("adds", concurrent=False)
    assert (call.value(), call.displayed()) == ([2, 8], [])
    assert kernel.evaluate("plt.get_fignums()") == [7]
    kernel.call("closes").value()
    assert kernel.evaluate("plt.get_fignums()") == []
    kernel.run("%config InlineBackend.close_figures = True")


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_figure_of_the_call_that_imports_matplotlib_is_its_own(
    jupyter_dirs: JupyterDirs, concurrent: bool
) -> None:
    """Also the first figure of all is in no cell (1.19)."""
    prelude = """
def draws_first():
    import matplotlib.pyplot as plt
    plt.plot([1, 2])
    driver.hold()
"""
    with driven_kernel(jupyter_dirs, prelude) as kernel:
        call = kernel.begin_call("draws_first", concurrent=concurrent)
        cell = kernel.send("import matplotlib.pyplot as plt; plt.get_fignums()")
        if concurrent:
            cell.wait()
        kernel.release()
        assert len(pictures(call)) == 1
        assert cell.wait().of("display_data") == []
        assert cell.of("execute_result")[0]["data"]["text/plain"] == "[]"
