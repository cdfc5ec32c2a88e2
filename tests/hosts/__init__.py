# SPDX-License-Identifier: BSD-3-Clause
"""Real hosts (Claude Code, Codex, Gemini CLI, ...) with a scripted model: what each hands to its model."""
