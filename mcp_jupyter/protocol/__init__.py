# SPDX-License-Identifier: BSD-3-Clause
"""The rules of the protocol: functions and tables without I/O and `await`."""
