"""Which principals move together: by the shape of what they send, and by what an operator knows to tie them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from ratelimit.errors import refuse_invalid
from ratelimit.presumption import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.principal import Principal
    from ratelimit.prompt import Prompt
    from ratelimit.request import Request

#: Characters of the system text that count towards a shape; a script's part comes first.
_SYSTEM = 2048

#: Characters in which a template's opening words are looked for.
_OPENING = 256


#: What is asked of one who is tied to the others by nothing.
_AMONG_ALL = Caution(patience=1.0, volume=60.0, settling=timedelta(hours=8))


class CohortRule(Protocol):
    """Names what one request may share with others, as (kind, value) pairs; hashed before anything stores it.

    A value makes a cohort once it was met in answered requests of two principals. A rule that ties by little has an
    attribute ``caution`` besides, a ``Caution``.
    """

    @property
    def presumed(self) -> bool:
        """Whether a newcomer counts as innocent when such a cohort is tightened."""
        ...

    def of(self, request: Request, principal: Principal) -> Iterator[tuple[str, str]]:
        """Yield each cohort's kind and value."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ByShape:
    """Principals whose requests have one shape: system text, parameters and client, everything but the payload.

    client_link  the link that tells the client program, if the principal has it; else the User-Agent header does.

    Strangers share popular shapes. That costs them nothing: members whose own behaviour clears them are not judged with
    the rest.
    """

    client_link: str = "client"
    presumed: bool = True

    def of(self, request: Request, principal: Principal) -> Iterator[tuple[str, str]]:
        """Yield one cohort; none for a body that was not read."""
        client = principal.links.get(self.client_link) or request.header("user-agent") or ""
        prompts = request.reading.prompts
        # Of a batch that mixes shapes the first in order counts, however often it comes.
        for prompt in prompts if len(prompts) < 2 else [min(prompts, key=_shape)]:
            yield "shape", f"{client}\x1f{prompt.parameters}\x1f{prompt.system[:_SYSTEM]}"


def _shape(prompt: Prompt) -> tuple[str, str]:
    return prompt.system[:_SYSTEM], prompt.parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class ByTemplate:
    """Principals whose prompts of one shape open with the same words: what a script puts before every payload.

    words  how many words of the opening count; 1 or more.

    Who sends the template of a harvest is not presumed innocent (see ``Presumption``).
    """

    words: int = 7
    client_link: str = "client"
    presumed: bool = False

    def __post_init__(self) -> None:
        refuse_invalid("ByTemplate", [f"words: must be at least 1, got {self.words!r}"] if self.words < 1 else [])

    def of(self, request: Request, principal: Principal) -> Iterator[tuple[str, str]]:
        """Yield one cohort for the opening of the first prompt; none for a body that was not read."""
        for prompt in request.reading.prompts[:1]:
            opening = _opening(prompt.payload, self.words)
            client = principal.links.get(self.client_link) or request.header("user-agent") or ""
            yield "template", f"{opening}\x1f{client}\x1f{prompt.parameters}\x1f{prompt.system[:_SYSTEM]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ByOpening:
    """Principals whose prompts open with the same words, however unlike the rest of their requests is.

    words  how many words of the opening count; 1 or more.

    A harvest can give every account a client, parameters and a system text of its own at no cost; a wording of its own
    for every account changes what it collects. But honest strangers share popular openings too, with a harvest as well,
    so members are presumed innocent.
    """

    words: int = 7
    presumed: bool = True

    def __post_init__(self) -> None:
        refuse_invalid("ByOpening", [f"words: must be at least 1, got {self.words!r}"] if self.words < 1 else [])

    def of(self, request: Request, principal: Principal) -> Iterator[tuple[str, str]]:  # noqa: ARG002 (the protocol's)
        """Yield one cohort for the first prompt; none for a body that was not read."""
        for prompt in request.reading.prompts[:1]:
            yield "opening", _opening(prompt.payload, self.words)


def _opening(payload: str, words: int) -> str:
    return " ".join(payload[:_OPENING].split(maxsplit=words)[:words])


@dataclass(frozen=True, kw_only=True, slots=True)
class ByLink:
    """Principals that share a link: a network, a payment, a referrer, whatever ``Principal.links`` tells.

    kinds   the links that tie; ``None``: every link but those in *except_*.
    except_ links that say too little: by default ``client``, which is a part of the shape.
    most    links that count for one principal, in alphabetical order; 1 or more.
    """

    kinds: tuple[str, ...] | None = None
    except_: tuple[str, ...] = ("client",)
    most: int = 6
    presumed: bool = True

    def __post_init__(self) -> None:
        problems = []
        if self.most < 1:
            problems.append(f"most: must be at least 1, got {self.most!r}; to use no links leave ByLink out")
        if self.kinds is not None and not self.kinds:
            problems.append("kinds: must not be empty; to use no links leave ByLink out")
        refuse_invalid("ByLink", problems)

    def of(self, request: Request, principal: Principal) -> Iterator[tuple[str, str]]:  # noqa: ARG002 (the protocol's)
        """Yield one cohort a link."""
        kinds = [kind for kind in sorted(principal.links) if self._ties(kind)]
        for kind in kinds[: self.most]:
            yield kind, principal.links[kind]

    def _ties(self, kind: str) -> bool:
        return kind in self.kinds if self.kinds is not None else kind not in self.except_


@dataclass(frozen=True, kw_only=True, slots=True)
class ByCreation:
    """Principals that were created in one stretch of time and share a link: in one hour within one network.

    within  how long a stretch is, counted from 1970; positive.
    link    the link that they share. Who has none, or is of unknown age, is in no such cohort.

    In a crowded network a harvest is too few to be seen by the network alone; those who came with it are fewer. A class
    that signs up together, or a launch, is such a cohort too: its members clear themselves.
    """

    within: timedelta = timedelta(hours=1)
    link: str = "network"
    presumed: bool = True

    def __post_init__(self) -> None:
        problems = []
        if self.within <= timedelta(0):
            problems.append(f"within: must be a positive timedelta, got {self.within!r}")
        if not self.link:
            problems.append("link: must not be empty; name a link of Principal.links, such as 'network'")
        refuse_invalid("ByCreation", problems)

    def of(self, request: Request, principal: Principal) -> Iterator[tuple[str, str]]:  # noqa: ARG002 (the protocol's)
        """Yield one cohort, if both are known."""
        since, shared = principal.since_at, principal.links.get(self.link)
        if since is not None and shared is not None:
            yield "creation", f"{since // self.within.total_seconds():.0f}\x1f{self.link}\x1f{shared}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Everyone:
    """All principals: what ties a harvest whose accounts share no shape, no network and no payment.

    Whoever asks little and never comes back to itself, but asks what others of that kind ask, is found here. Honest
    principals soon clear themselves; so who is left is the harvest, as long as that is a fair share of the newcomers.
    As the members have nothing else in common, much is asked of their own behaviour before any is held (``caution``):
    one decade more than elsewhere, known for eight hours or more, and asking less than 60 prompts a day. Who asks more
    is left to the signals that watch each principal alone.
    """

    caution: Caution = _AMONG_ALL
    presumed: bool = True

    def of(self, request: Request, principal: Principal) -> Iterator[tuple[str, str]]:  # noqa: ARG002 (the protocol's)
        """Yield the one cohort; none for a body that was not read."""
        if request.reading.prompts:
            yield "everyone", ""
