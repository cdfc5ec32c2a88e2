# SPDX-License-Identifier: BSD-3-Clause
"""The tests mirror the package; `tests.<folder>` is importable so that tests can share helpers."""
