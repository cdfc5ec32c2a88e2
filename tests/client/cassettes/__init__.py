# SPDX-License-Identifier: BSD-3-Clause
"""Tests of recording and replaying: what is kept, what is left out, and what a file may do."""
