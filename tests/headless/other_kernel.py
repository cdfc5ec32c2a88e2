# SPDX-License-Identifier: BSD-3-Clause
"""A kernel of another language, which takes whatever it is given. A program: run by Jupyter."""

from __future__ import annotations

from typing import Any, ClassVar

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


class OtherKernel(Kernel):
    implementation = "other"
    implementation_version = "1"
    banner = ""
    language_info: ClassVar[dict[str, str]] = {
        "name": "cobol",
        "mimetype": "text/plain",
        "file_extension": "",
    }

    def do_execute(self, code: str, silent: bool, *args: Any, **options: Any) -> dict[str, Any]:
        return {
            "status": "ok",
            "execution_count": self.execution_count,
            "payload": [],
            "user_expressions": {},
        }


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=OtherKernel)
