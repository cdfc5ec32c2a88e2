# SPDX-License-Identifier: BSD-3-Clause
"""The server inside a kernel: its thread, the execution of calls, the content of values, the magics."""
