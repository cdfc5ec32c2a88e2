# SPDX-License-Identifier: BSD-3-Clause
"""Configured servers: the files that list them, the hosts that write these files, and the user's consent."""
