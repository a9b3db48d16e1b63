"""Dialects: wire formats, each read into prompts and answered in kind, each in a file of its own."""

from ratelimit.dialects.anthropic import AnthropicBatches, AnthropicMessages
from ratelimit.dialects.base import Dialect, Ear, Heard, PlainEar, Refusal
from ratelimit.dialects.batches import OpenAIBatches
from ratelimit.dialects.bedrock import Bedrock
from ratelimit.dialects.body import read_body
from ratelimit.dialects.cohere import Cohere
from ratelimit.dialects.completions import OpenAICompletions
from ratelimit.dialects.embeddings import OpenAIEmbeddings
from ratelimit.dialects.files import OpenAIFiles
from ratelimit.dialects.forms import Form, Upload
from ratelimit.dialects.gemini import Gemini
from ratelimit.dialects.mcp import MCP
from ratelimit.dialects.mistral import Mistral
from ratelimit.dialects.moderations import OpenAIModerations
from ratelimit.dialects.ollama import Ollama
from ratelimit.dialects.openai import OpenAIChat
from ratelimit.dialects.openai_media import OpenAIMedia
from ratelimit.dialects.override import Override
from ratelimit.dialects.plain import Plain
from ratelimit.dialects.realtime import OpenAIRealtime
from ratelimit.dialects.responses import OpenAIResponses
from ratelimit.dialects.tei import TEI
from ratelimit.dialects.tgi import TGI
from ratelimit.dialects.usage import UsageReader, counted, reader_of, usage_in
from ratelimit.dialects.vllm import VLLM

#: In this order: whoever claims a path first reads it, so the more particular stand before the more general.
DEFAULT_DIALECTS: tuple[Dialect, ...] = (
    Mistral(),
    OpenAIChat(),
    MCP(),
    Ollama(),
    AnthropicMessages(),
    OpenAIResponses(),
    OpenAIRealtime(),
    OpenAICompletions(),
    OpenAIEmbeddings(),
    OpenAIModerations(),
    OpenAIMedia(),
    OpenAIFiles(),
    AnthropicBatches(),
    OpenAIBatches(),
    Gemini(),
    Bedrock(),
    Cohere(),
    VLLM(),
    TEI(),
    TGI(),
    Plain(),
)

__all__ = [
    "DEFAULT_DIALECTS",
    "MCP",
    "TEI",
    "TGI",
    "VLLM",
    "AnthropicBatches",
    "AnthropicMessages",
    "Bedrock",
    "Cohere",
    "Dialect",
    "Ear",
    "Form",
    "Gemini",
    "Heard",
    "Mistral",
    "Ollama",
    "OpenAIBatches",
    "OpenAIChat",
    "OpenAICompletions",
    "OpenAIEmbeddings",
    "OpenAIFiles",
    "OpenAIMedia",
    "OpenAIModerations",
    "OpenAIRealtime",
    "OpenAIResponses",
    "Override",
    "Plain",
    "PlainEar",
    "Refusal",
    "Upload",
    "UsageReader",
    "counted",
    "read_body",
    "reader_of",
    "usage_in",
]
