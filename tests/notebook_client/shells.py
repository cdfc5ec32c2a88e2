# SPDX-License-Identifier: BSD-3-Clause
"""A real IPython shell in a folder of its own, without a history."""

import atexit
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@contextmanager
def shell_in(folder: Path, *, is_current: bool = False) -> Iterator[InteractiveShell]:
    """A shell; `display` publishes through the current one.

    A shell takes the place of `__main__`, which processes that are started later look for: it is put back.
    """
    main = sys.modules["__main__"]
    config = Config({"HistoryManager": {"enabled": False}})
    make = InteractiveShell.instance if is_current else InteractiveShell
    shell = make(config=config, ipython_dir=str(folder))
    try:
        yield shell
    finally:
        sys.modules["__main__"] = main
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()
        if is_current:
            InteractiveShell.clear_instance()
