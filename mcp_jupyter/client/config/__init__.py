# SPDX-License-Identifier: BSD-3-Clause
"""Servers by configuration: files of servers, the hosts that write them, and which commands are trusted."""
