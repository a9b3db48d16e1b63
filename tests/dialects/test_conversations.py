"""What was said is what is read: bodies built from a conversation, in every form that its API allows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ratelimit.dialects import AnthropicMessages, OpenAIChat, Plain, read_body
from ratelimit.prompt import Prompt, Reading, Unreadable

TEXTS = st.text(min_size=1, max_size=30).filter(lambda text: not text.isspace())
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
ANTHROPIC_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
TOOL_RESULT = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a tool said so"}]}


def only(reading: Reading) -> Prompt:
    """Return the one prompt of a reading without a problem."""
    assert reading.problem is None, reading.detail
    (prompt,) = reading.prompts
    return prompt


@st.composite
def said(draw: st.DrawFn, *others: dict[str, Any]) -> tuple[str, Any]:
    """Draw a text, and a content that says it: bare, or in parts among *others* that say nothing."""
    if draw(st.booleans()):
        text = draw(TEXTS)
        return text, text
    texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
    parts: list[Any] = [{"type": "text", "text": text} for text in texts]
    for other in draw(st.lists(st.sampled_from(others), max_size=2)) if others else []:
        parts.insert(draw(st.integers(0, len(parts))), other)
    return "\n".join(texts), parts


#: After the last user turn: messages without a text of the user's.
OPENAI_SILENT = st.sampled_from([
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function"}]},
    {"role": "assistant", "content": "of course"},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    {"role": "tool", "tool_call_id": "c", "content": "a tool said so"},
    {"role": "function", "name": "f", "content": "a function said so"},
    {"role": "user", "content": [IMAGE]},
    {"role": "user", "content": ""},
    {"role": "user", "content": None},
    {"role": "user", "content": []},
])
ANTHROPIC_SILENT = st.sampled_from([
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"text": "x"}}]},
    {"role": "assistant", "content": "of course"},
    {"role": "user", "content": [TOOL_RESULT]},
    {"role": "user", "content": [ANTHROPIC_IMAGE, {**TOOL_RESULT, "text": "a tool said so"}]},
])
OPENAI_TURNS = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system", "developer", "tool"]), said(IMAGE)), max_size=5
)
ANTHROPIC_TURNS = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), said(ANTHROPIC_IMAGE, TOOL_RESULT)), max_size=5
)
FIELDS = st.dictionaries(
    st.sampled_from(["model", "temperature", "max_tokens", "tools", "stream", "seed", "x-unknown"]),
    st.none() | st.integers(0, 9) | st.text(max_size=5) | st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2)),
)


@given(OPENAI_TURNS, said(IMAGE), st.lists(OPENAI_SILENT, max_size=3), FIELDS, st.none() | TEXTS, st.booleans())
def test_openai_conversations_are_read_back(
    turns: list[tuple[str, tuple[str, Any]]],
    last: tuple[str, Any],
    silent: list[dict[str, Any]],
    fields: dict[str, Any],
    end_user: str | None,
    ascii_: bool,
) -> None:
    """Text, system, continuation and end user, exactly, whatever follows the last user turn."""
    messages = [{"role": role, "content": content} for role, (_, content) in turns]
    messages += [{"role": "user", "content": last[1]}, *silent]
    body = {**fields, "messages": messages, "user": end_user}
    reading = read_body(OpenAIChat(), json.dumps(body, ensure_ascii=ascii_).encode())
    prompt = only(reading)

    assert prompt.text == last[0]
    assert prompt.system == "\n".join(text for role, (text, _) in turns if role in {"system", "developer"})
    assert prompt.continues == any(message["role"] == "assistant" for message in messages)
    assert reading.end_user == ((end_user or "").strip() or None)


@given(
    ANTHROPIC_TURNS, said(ANTHROPIC_IMAGE, TOOL_RESULT), st.lists(ANTHROPIC_SILENT, max_size=3),
    st.none() | said(), FIELDS, st.none() | TEXTS,
)  # fmt: skip
def test_anthropic_conversations_are_read_back(
    turns: list[tuple[str, tuple[str, Any]]],
    last: tuple[str, Any],
    silent: list[dict[str, Any]],
    system: tuple[str, Any] | None,
    fields: dict[str, Any],
    end_user: str | None,
) -> None:
    """Text, system, continuation and end user, exactly; tool results are never the user's turn."""
    messages = [{"role": role, "content": content} for role, (_, content) in turns]
    messages += [{"role": "user", "content": last[1]}, *silent]
    body = {**fields, "messages": messages, "metadata": {"user_id": end_user}}
    if system is not None:
        body["system"] = system[1]
    reading = read_body(AnthropicMessages(), json.dumps(body).encode())
    prompt = only(reading)

    assert prompt.text == last[0]
    assert prompt.system == (system[0] if system else "")
    assert prompt.continues == any(message["role"] == "assistant" for message in messages)
    assert reading.end_user == ((end_user or "").strip() or None)


@given(OPENAI_TURNS, said(IMAGE), FIELDS, st.randoms(use_true_random=False))
def test_the_order_of_fields_and_the_space_between_them_change_nothing(
    turns: list[tuple[str, tuple[str, Any]]], last: tuple[str, Any], fields: dict[str, Any], random: Any
) -> None:
    """What a client library does to the bytes is no part of a reading."""
    messages = [{"role": role, "content": content} for role, (_, content) in [*turns, ("user", last)]]
    body = {**fields, "messages": messages}
    keys = list(body)
    random.shuffle(keys)
    shuffled = {key: body[key] for key in keys}

    for dialect in (OpenAIChat(), AnthropicMessages(), Plain()):
        compact = read_body(dialect, json.dumps(body, separators=(",", ":")).encode())
        assert read_body(dialect, json.dumps(shuffled, indent=2).encode()) == compact


@given(FIELDS, st.sampled_from(["user", "safety_identifier", "prompt_cache_key", "seed", "stream", "metadata"]), TEXTS)
def test_what_is_new_in_each_request_is_no_parameter(fields: dict[str, Any], noise: str, value: str) -> None:
    """A nonce in a field that scripts do vary leaves the parameters as they were; one in the model does not."""
    messages = [{"role": "user", "content": "a"}]

    def parameters(**more: Any) -> str:
        body = {**fields, **more, "messages": messages}
        return only(read_body(OpenAIChat(), json.dumps(body).encode())).parameters

    assert parameters(**{noise: value}) == parameters()
    assert parameters(**{noise: value}, model="m") != parameters(model="other")


@given(FIELDS, st.lists(st.dictionaries(TEXTS, TEXTS), min_size=20, max_size=40))
def test_long_parameters_are_short_and_still_tell_scripts_apart(fields: dict[str, Any], tools: list[Any]) -> None:
    """Tools are hashed when they are long."""
    assume(any(tools))

    def parameters(tools: list[Any]) -> str:
        body = {**fields, "tools": tools, "messages": [{"role": "user", "content": "a"}]}
        return only(read_body(OpenAIChat(), json.dumps(body).encode())).parameters

    assert len(parameters(tools)) < 1000
    assert parameters(tools) != parameters([*tools, {"a": "b"}])


@pytest.mark.parametrize("value", [None, ...])
def test_a_null_parameter_is_an_absent_one(value: Any) -> None:
    """Some libraries send null for what was not set."""
    messages = [{"role": "user", "content": "a"}]
    body = {"model": "m", "messages": messages} | ({} if value is ... else {"temperature": None, "tools": None})

    assert only(read_openai(**body)).parameters == 'model="m"'


def read_openai(**body: Any) -> Reading:
    """Read *body* as OpenAI's."""
    return read_body(OpenAIChat(), json.dumps(body).encode())


@pytest.mark.parametrize(("content", "tokens"), [([1, 2, 3], "1 2 3"), ([[1, 2], [3]], "1 2 3"), ([15496], "15496")])
def test_token_ids_are_read_without_text(content: list[Any], tokens: str) -> None:
    """Content of whole numbers is a prompt of no text, whose words are the ids."""
    prompt = only(read_openai(messages=[{"role": "user", "content": content}]))

    assert (prompt.text, prompt.tokens, prompt.payload) == ("", tokens, tokens)


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([{"role": "user", "content": 5}], "`$.messages[0].content`"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": {}}], "`$.messages[1].content`"),
        ([{"role": "user", "content": [{"type": "text", "text": 5}]}], "`$.messages[0].content[0].text`"),
        ([{"role": "system", "content": 5}, {"role": "user", "content": "a"}], "`$.messages[0].content`"),
        ([{"role": 5, "content": "a"}], "`$.messages[0].role`"),
        (["a"], "`$.messages[0]`"),
        ("a", "`$.messages`"),
    ],
)
def test_a_wrong_type_is_told_with_its_place(messages: Any, place: str) -> None:
    """The detail holds the path from the root of the body."""
    reading = read_openai(messages=messages)

    assert reading.problem is Unreadable.WRONG_TYPE
    assert place in reading.detail


def test_a_wrong_system_is_told_with_its_place() -> None:
    """Anthropic's system text has a place too."""
    body = {"system": [{"type": "text", "text": 5}], "messages": [{"role": "user", "content": "a"}]}
    reading = read_body(AnthropicMessages(), json.dumps(body).encode())

    assert reading.problem is Unreadable.WRONG_TYPE
    assert "`$.system[0].text`" in reading.detail


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "a"}],
        [{"role": "assistant", "content": "a"}, {"role": "tool", "content": "b"}],
        [{"role": "user", "content": [TOOL_RESULT]}],
        [{"role": "user", "content": " \n"}],
        [{"role": "user"}],
    ],
)
def test_a_conversation_without_text_of_the_users_holds_no_prompt(messages: list[Any]) -> None:
    """Tool results and blanks alone are no prompt."""
    for dialect in (OpenAIChat(), AnthropicMessages()):
        assert read_body(dialect, json.dumps({"messages": messages}).encode()).problem is Unreadable.NO_PROMPT


def test_oddities_in_turns_that_are_not_asked_about_do_not_hide_the_prompt() -> None:
    """Only the last user turn and the system text must be as documented."""
    messages = [{"role": "user", "content": 5}, {"role": "assistant", "content": 7}, {"role": "user", "content": "a"}]

    assert only(read_openai(messages=messages, user=5, metadata=3)).text == "a"


def test_a_role_of_nobodys_is_the_users_where_there_is_no_other() -> None:
    """Servers with templates of their own render any role; what they render is read."""
    assert only(read_openai(messages=[{"role": "human", "content": "a"}])).text == "a"
    assert only(read_openai(messages=[{"role": "user", "content": "a"}, {"role": "human", "content": "b"}])).text == "a"


def test_the_safety_identifier_comes_before_the_user_it_replaces() -> None:
    """Both fields name the end user."""
    messages = [{"role": "user", "content": "a"}]

    assert read_openai(messages=messages, user="bob", safety_identifier="eve").end_user == "eve"
    assert read_openai(messages=messages, user="bob", safety_identifier=None).end_user == "bob"


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": 5, "messages": [{"role": "user", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": 5, "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": "a"}], "temperature": NaN, "top_p": 1e999}',
        b'{"messages": [{"role": "user", "content": "a"}], "user": "\\ud800"}',
        b'\xef\xbb\xbf{"messages": [{"role": "user", "content": "a"}]}',
        '{"messages": [{"role": "user", "content": "a"}]}'.encode("utf-16"),
        '{"messages": [{"role": "user", "content": "a"}]}'.encode("utf-32-be"),
        b'{"me\\u0073sages": [{"r\\u006fle": "us\\u0065r", "content": "\\u0061"}]}',
    ],
)
def test_what_pythons_json_reads_is_read(body: bytes) -> None:
    """Applications behind us read such bodies, so they must not pass unseen."""
    assert json.loads(body)["messages"][-1]["content"] == "a"
    for dialect in (OpenAIChat(), AnthropicMessages(), Plain()):
        assert only(dialect.read(body)).text == "a"


@pytest.mark.parametrize(
    ("path", "openai", "anthropic"),
    [
        ("/v1/chat/completions", True, False),
        ("/chat/completions/", True, False),
        ("/openai/deployments/mine/chat/completions", True, False),
        ("/v1/completions", False, False),
        ("/v1/chat/completions/chatcmpl-1", False, False),
        ("/v1/messages", False, True),
        ("/anthropic/v1/messages", False, True),
        ("/v1/messages/count_tokens", False, True),
        ("/v1/messages/batches", False, False),
        ("/v1/threads/t1/messages", False, False),
        ("/inmessages", False, False),
        ("/", False, False),
    ],
)
def test_dialects_claim_their_own_paths(path: str, openai: bool, anthropic: bool) -> None:
    """Plain claims the rest."""
    assert (OpenAIChat().claims(path), AnthropicMessages().claims(path)) == (openai, anthropic)
    assert Plain().claims(path)


def test_earlier_user_turns_travel_along() -> None:
    """A conversation tells what was asked before, newest first; what cannot be read is passed over."""
    turns = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "so"},
             {"role": "user", "content": [{"type": "text", "text": "second"}]}, {"role": "assistant", "content": "yes"},
             {"role": "user", "content": "third"}]
    broken = [{"role": "user", "content": "zero"}, {"role": "user", "content": 7}, {"role": "user", "content": "third"}]
    many = [{"role": "user", "content": f"turn {number}"} for number in range(100)]

    for messages, earlier in ((turns, ("second", "first")), (turns[:1], ()), (broken, ("zero",)),
                              (many, tuple(f"turn {number}" for number in range(98, 82, -1)))):
        prompt = only(read_body(OpenAIChat(), json.dumps({"messages": messages}).encode()))
        assert prompt.earlier == earlier
