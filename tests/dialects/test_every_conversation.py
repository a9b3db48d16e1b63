"""What holds of one conversation holds of all: the same words in every wire format, and nowhere to hide them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import read_body
from ratelimit.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit.prompt import Prompt, Reading

TEXTS = st.text(min_size=1, max_size=20).filter(lambda text: not text.isspace())
TURNS = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=6)

Turns = list[tuple[str, str]]


def messages(turns: Turns, system: str = "") -> dict[str, Any]:
    """Return the body of all who copied OpenAI's chat."""
    told = [{"role": "system", "content": system}] if system else []
    return {"model": "m", "messages": [*told, *({"role": role, "content": text} for role, text in turns)]}


def responses(turns: Turns, system: str = "") -> dict[str, Any]:
    """Return the body of a response."""
    said = [(role, [{"type": "input_text", "text": text}]) for role, text in turns]
    items = [{"type": "message", "role": role, "content": content} for role, content in said]
    return {"model": "m", "input": items, "instructions": system}


def anthropic(turns: Turns, system: str = "") -> dict[str, Any]:
    """Return the body of Anthropic's messages."""
    told = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    return {"model": "m", "messages": told, "system": [{"type": "text", "text": system}]}


def gemini(turns: Turns, system: str = "", key: str = "systemInstruction") -> dict[str, Any]:
    """Return the body of Gemini, in camel case."""
    roles = {"user": "user", "assistant": "model"}
    contents = [{"role": roles[role], "parts": [{"text": text}]} for role, text in turns]
    return {"contents": contents, key: {"parts": [{"text": system}]}}


def gemini_snake(turns: Turns, system: str = "") -> dict[str, Any]:
    """Return the body of Gemini, in snake case."""
    return gemini(turns, system, "system_instruction")


def cohere(turns: Turns, system: str = "") -> dict[str, Any]:
    """Return the body of Cohere's first chat: the last turn, which is the user's, stands apart."""
    roles = {"user": "USER", "assistant": "CHATBOT"}
    history = [{"role": roles[role], "message": text} for role, text in turns[:-1]]
    return {"message": turns[-1][1], "chat_history": history, "preamble": system}


def mistral(turns: Turns, system: str = "") -> dict[str, Any]:
    """Return the body of Mistral's conversations."""
    entries = [{"type": "message.input", "role": role, "content": text} for role, text in turns]
    return {"model": "m", "inputs": entries, "instructions": system}


def converse(turns: Turns, system: str = "") -> dict[str, Any]:
    """Return the body of Bedrock's converse."""
    told = [{"role": role, "content": [{"text": text}]} for role, text in turns]
    return {"messages": told, "system": [{"text": system}]}


class Wire(NamedTuple):
    """Where a conversation goes, how it is written, where its turns stand, and what an image is there."""

    path: str
    body: Callable[..., dict[str, Any]]
    turns: str
    image: Any

    def read(self, body: Any, **headers: Any) -> Reading:
        """Read *body*, bytes or JSON."""
        dialect = Policy().dialect_for(self.path)
        return read_body(dialect, body if isinstance(body, bytes) else json.dumps(body).encode(), **headers)

    def ask(self, turns: Turns, system: str = "") -> Prompt:
        """Return the prompt that is read of a conversation."""
        (prompt,) = self.read(self.body(turns, system)).prompts
        return prompt


URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
WIRES = [
    Wire("/v1/chat/completions", messages, "messages", URL),
    Wire("/openai/deployments/d/chat/completions", messages, "messages", URL),
    Wire("/v1/responses", responses, "input", {"type": "input_image", "image_url": "https://x"}),
    Wire("/v1/messages", anthropic, "messages", {"type": "image", "source": {"type": "base64", "data": "AAAA"}}),
    Wire("/v1beta/models/g:generateContent", gemini, "contents", {"inlineData": {"mimeType": "image/x", "data": "A"}}),
    Wire("/v1/models/g:streamGenerateContent", gemini_snake, "contents", {"file_data": {"file_uri": "gs://x/y"}}),
    Wire("/v2/chat", messages, "messages", URL),
    Wire("/v1/chat", cohere, "chat_history", None),
    Wire("/v1/agents/completions", messages, "messages", {"type": "image_url", "image_url": "https://x/y.png"}),
    Wire("/v1/conversations", mistral, "inputs", {"type": "image_url", "image_url": "https://x/y.png"}),
    Wire("/api/chat", messages, "messages", None),
    Wire("/model/m/converse", converse, "messages", {"image": {"format": "png", "source": {"bytes": "AAAA"}}}),
    Wire("/model/m/invoke", messages, "messages", URL),
    Wire("/tokenize", messages, "messages", URL),
    Wire("/v1/anything/else", messages, "messages", URL),
]
wires = pytest.mark.parametrize("wire", WIRES, ids=[wire.path for wire in WIRES])


@wires
@given(turns=TURNS, last=TEXTS, system=TEXTS)
def test_a_conversation_is_read_back(wire: Wire, turns: Turns, last: str, system: str) -> None:
    """The last user turn, the system text, the user turns before, newest first, and whether the model spoke."""
    prompt = wire.ask([*turns, ("user", last)], system)

    assert prompt.text == last
    assert prompt.system.strip() == system.strip()
    assert prompt.earlier == tuple(text for role, text in reversed(turns) if role == "user")
    assert prompt.continues == any(role == "assistant" for role, _ in turns)


@wires
@pytest.mark.parametrize("hide", [
    lambda text: ([("user", text), ("assistant", "Go on."), ("user", "Answer.")], ""),
    lambda text: ([("user", text), ("user", "Answer.")], ""),
    lambda text: ([("user", "Answer.")], text),
])
def test_what_is_hidden_in_an_earlier_turn_or_in_the_system_text_is_seen(wire: Wire, hide: Any) -> None:
    """Wherever a payload stands, two requests with unlike payloads are unlike prompts."""
    one, other = (wire.ask(*hide(text)) for text in ("a payload", "quite another"))

    assert one != other
    assert one.text == other.text == "Answer."


@wires
def test_a_decoy_under_the_same_name_hides_nothing(wire: Wire) -> None:
    """Of a name that stands twice the last counts, as it does to those who answer."""
    decoy, real = (json.dumps(wire.body([("user", text), ("user", text)]))[1:-1] for text in ("a decoy", "a payload"))
    (prompt,) = wire.read(f"{{{decoy},{real}}}".encode()).prompts

    assert prompt.text == "a payload"


@wires
def test_no_header_makes_us_blind(wire: Wire) -> None:
    """JSON that is said to be compressed or a form is read; so is what really is compressed."""
    body = json.dumps(wire.body([("user", "a payload")])).encode()
    expected = wire.read(body)

    assert expected.prompts[0].text == "a payload"
    for headers in (
        {"content_encoding": "gzip"}, {"content_encoding": "br, zstd"}, {"x_body_compressed": "1"},
        {"content_type": "multipart/form-data; boundary=x"}, {"content_type": "application/x-www-form-urlencoded"},
    ):
        assert wire.read(body, **headers) == expected
    assert wire.read(gzip.compress(body), content_encoding="gzip") == expected
    assert wire.read(b"\xef\xbb\xbf" + body) == expected


@wires
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_what_pythons_json_reads_is_read_everywhere(wire: Wire, encoding: str) -> None:
    """Other encodings, NaN, and lone surrogates."""
    body = {**wire.body([("user", "a payload")]), "temperature": float("nan")}

    assert wire.read(json.dumps(body).encode(encoding)).prompts[0].text == "a payload"


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.image], ids=[w.path for w in WIRES if w.image])
def test_an_image_is_part_of_what_is_asked(wire: Wire) -> None:
    """Beside the text, alone after it, or alone at all, it is marked; another image is another prompt."""
    body = wire.body([("user", "What is it?")])
    (turn,) = body[wire.turns]
    key = "parts" if "parts" in turn else "content"
    words = turn[key] if isinstance(turn[key], list) else [{"type": "text", "text": turn[key]}]

    def read(*contents: list[Any], image: Any = wire.image) -> Prompt:
        shown = [{**turn, key: [image if part == "IMAGE" else part for part in content]} for content in contents]
        (prompt,) = wire.read({**body, wire.turns: shown}).prompts
        return prompt

    beside, after, alone = read([*words, "IMAGE"]), read(words, ["IMAGE"]), read(["IMAGE"])
    other = read([*words, "IMAGE"], image=json.loads(json.dumps(wire.image).replace("A", "B").replace("//x", "//z")))

    assert beside.text == after.text == "What is it?"
    assert alone.text == ""
    assert len(beside.media) == 1
    assert beside.media == after.media == alone.media != other.media
