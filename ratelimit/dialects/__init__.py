"""Dialects: wire formats, each read into prompts and answered in kind, each in a file of its own."""

from ratelimit.dialects.anthropic import AnthropicMessages
from ratelimit.dialects.base import Dialect, Refusal
from ratelimit.dialects.body import read_body
from ratelimit.dialects.openai import OpenAIChat
from ratelimit.dialects.plain import Plain

DEFAULT_DIALECTS: tuple[Dialect, ...] = (OpenAIChat(), AnthropicMessages(), Plain())

__all__ = [
    "DEFAULT_DIALECTS",
    "AnthropicMessages",
    "Dialect",
    "OpenAIChat",
    "Plain",
    "Refusal",
    "read_body",
]
