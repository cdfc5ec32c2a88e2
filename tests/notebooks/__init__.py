# SPDX-License-Identifier: BSD-3-Clause
"""The example notebooks, as tests."""
