# SPDX-License-Identifier: BSD-3-Clause
"""What a person sees of a connected server: forms built from JSON Schema, and the panel (ipywidgets).

Everything here belongs to the kernel's main thread.
"""
