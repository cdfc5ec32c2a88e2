# SPDX-License-Identifier: BSD-3-Clause
"""Tests against other implementations of the protocol, installed for the tests only."""
