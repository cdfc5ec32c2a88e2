# SPDX-License-Identifier: BSD-3-Clause
"""The user's view of a connected server, on ipywidgets: forms built from JSON Schema, and the panel.

Everything here runs on the kernel's main thread.
"""
