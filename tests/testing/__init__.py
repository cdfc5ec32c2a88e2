# SPDX-License-Identifier: BSD-3-Clause
"""The pytest plugin, in runs of pytest of its own."""
