# SPDX-License-Identifier: BSD-3-Clause
"""Prompts: functions that write messages."""

from .base import AssistantMessage, Message, Prompt, UserMessage

__all__ = ["AssistantMessage", "Message", "Prompt", "UserMessage"]
