# SPDX-License-Identifier: BSD-3-Clause
"""HTTP, written once: the fronts of a server over Streamable HTTP (both eras) and HTTP+SSE.

A stand-alone server uses `serve_http`; the Jupyter Server extension subclasses the handlers and puts
gives them its own authenticator. The names are in the modules; this package imports none of them.
"""
