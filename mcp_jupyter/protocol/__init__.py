# SPDX-License-Identifier: BSD-3-Clause
"""The rules of the protocol: pure functions and tables, no I/O and no `await`."""
