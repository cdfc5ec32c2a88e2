# SPDX-License-Identifier: BSD-3-Clause
"""The engine inside a kernel: its thread, how calls run, what values become, the magics."""
