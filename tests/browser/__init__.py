# SPDX-License-Identifier: BSD-3-Clause
"""JupyterLab and Notebook 7 in a real browser."""
