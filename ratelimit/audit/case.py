"""A case: what an evidence log says of one cohort or principal, in a file that another party can verify."""

from __future__ import annotations

import html
import re
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit.audit.chain import BEGINNING, FORMAT, Line, link, read, seal
from ratelimit.audit.files import AuditError, files_of
from ratelimit.audit.verify import Finding, Verified, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Points of the course of evidence that are kept.
_COURSE = 500

_BOUND = (
    "A signal's evidence of 10^k means that its bets, each of an expectation of at most one for every honest principal "
    "inside the stated null, have multiplied to 10^k. In the lifetime form an honest principal ever reaches that with "
    "a probability of at most 10^-k (Ville 1939); in the cusum form, the default, at most once in 10^k of its "
    "observations on average (Shin, Ramdas and Rinaldo 2022). The null is that of the policy version named with each "
    "record."
)


class Case(msgspec.Struct, kw_only=True):
    """What a case file holds.

    about      the cohort or the principal, as decisions call it.
    summary    what its records come to: times, accounts, refusals, evidence, policy versions, dialects.
    bound      what evidence means, and how often it is wrong.
    first      the number of the first record of the proof.
    before     the link before it; *digests*: of each record's body from there on; *after*: the link after them.
    seal       the seal on that link.
    key        the id of the key.
    records    the records that are about it: whole lines of the log.
    """

    format: int
    about: str
    summary: dict[str, Any]
    bound: str
    key: str
    first: int
    before: str
    digests: list[str]
    after: str
    seal: str
    records: list[Line]


def case_of(folder: Path, about: str, key: bytes | None = None) -> Case:
    """Gather what the log in *folder* holds about a cohort (``kind:hash``) or a principal (a hash).

    Raises: AuditError: if the log is not whole, as verified with *key* if it is given, or holds nothing about it.
    """
    found = verify(folder, key)
    if found.findings:
        raise AuditError(f"{folder}: is not whole, so no case can be made of it: {found.findings[0]}")
    chosen, digests, links = [], [], [BEGINNING]
    sealed, key_id = "", ""
    for line, record in _lines(folder):
        digests.append(sha256(bytes(line.body)).hexdigest())
        links.append(bytes.fromhex(line.chain))
        if record.get("kind") == "file":
            key_id = str(record.get("key"))
        if record.get("principal") == about or about in record.get("cohorts", {}) or about == record.get("subject"):
            chosen.append((len(digests), line, record))
    if not chosen:
        raise AuditError(f"{folder}: holds nothing about {about!r}; `ratelimit audit show {folder}` lists what it "
                         "holds, and names stand there as decisions have them")
    first, last = chosen[0][0], chosen[-1][0]
    sealed = chosen[-1][1].seal
    return Case(
        format=FORMAT, about=about, summary=_summary(about, [record for *_, record in chosen]), bound=_BOUND,
        key=key_id, first=first, before=links[first - 1].hex(), digests=digests[first - 1 : last],
        after=links[last].hex(), seal=sealed, records=[line for _, line, _ in chosen],
    )


def verify_case(path: Path, key: bytes | None = None) -> Verified:
    """Check a case file by itself: that its records are those of the log that it came from. Raises: AuditError."""
    case, findings = load_case(path), []
    chain, links = bytes.fromhex(case.before), {}
    for number, digest in enumerate(case.digests, case.first):
        chain = link(chain, bytes.fromhex(digest))
        links[number] = (digest, chain.hex())
    if chain.hex() != case.after:
        findings.append(Finding(path.name, 0, "its proof does not come to the link that it names: digests were "
                                              "changed, dropped or moved"))
    kept: list[dict[str, Any]] = []
    for at, line in enumerate(case.records, 1):
        found = read(msgspec.json.encode(line))
        record = found[1] if found is not None else {}
        kept.append(record)
        digest, here = links.get(record.get("n", -1), ("", ""))
        if sha256(bytes(line.body)).hexdigest() != digest:
            findings.append(Finding(path.name, 0, f"record {record.get('n', '?')}, the case's {at}., is not the one "
                                                  "that the log had there: it was changed"))
        elif here != line.chain:
            findings.append(Finding(path.name, 0, f"record {record.get('n')} carries another link than the proof"))
    if key is not None and seal(key, bytes.fromhex(case.after)).hex() != case.seal:
        findings.append(Finding(path.name, 0, "the seal on its last link is not by this key: the proof was made anew, "
                                              "or the key is another"))
    if msgspec.json.encode(_summary(case.about, kept)) != msgspec.json.encode(case.summary):
        findings.append(Finding(path.name, 0, "its summary does not follow from its records"))
    return Verified(len(case.records), 1, key is not None, case.after, tuple(findings))


def load_case(path: Path) -> Case:
    """Read a case file, JSON or the page. Raises: AuditError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AuditError(f"{path}: cannot be read: {error}") from error
    held = re.search(r'<script type="application/json" id="case">(.*?)</script>', text, re.DOTALL)
    try:
        return msgspec.json.decode((held.group(1) if held else text).replace("\\u003c", "<"), type=Case)
    except msgspec.DecodeError as error:
        raise AuditError(f"{path}: is no case file: {error}; make one by `ratelimit audit case`") from error


def as_json(case: Case) -> str:
    """Return *case* as JSON."""
    return msgspec.json.format(msgspec.json.encode(case)).decode()


def as_page(case: Case) -> str:
    """Return *case* as one page that needs no network, with the case itself in it."""
    held = msgspec.json.encode(case).decode().replace("<", "\\u003c")
    rows = "".join(f"<tr><th>{html.escape(name.replace('_', ' '))}</th><td>{html.escape(_said(value))}</td></tr>"
                   for name, value in case.summary.items() if name != "course")
    timeline = "".join(
        f"<tr><td>{record.get('n')}</td><td>{_time(record.get('at'))}</td>"
        f"<td><code>{html.escape(str(record.get('principal', '')))[:16]}</code></td>"
        f"<td>{html.escape(str(record.get('before', '')))} &rarr; {html.escape(str(record.get('tier', '')))}</td>"
        f"<td>{'refused' if record.get('refused') else 'answered'}</td>"
        f"<td>{html.escape(', '.join(':'.join(map(str, one)) for one in record.get('reasons', [])))}</td></tr>"
        for record in _records(case)
    )
    return _PAGE.format(about=html.escape(case.about), rows=rows, curve=_curve(case.summary.get("course", [])),
                        bound=html.escape(case.bound), timeline=timeline, many=len(case.records), held=held,
                        after=case.after, first=case.first, last=case.first + len(case.digests) - 1)


def _records(case: Case) -> Iterator[dict[str, Any]]:
    for line in case.records:
        yield msgspec.json.decode(line.body)


def _lines(folder: Path) -> Iterator[tuple[Line, dict[str, Any]]]:
    for _, path in files_of(folder):
        with path.open("rb") as file:
            yield from filter(None, map(read, file))


def _summary(about: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what *records* come to: from them alone, so that whoever has them can work it out again."""
    decided = [one for one in records if one.get("kind") == "decision"]
    course: list[list[float]] = []
    for one in decided:
        evidence = one.get("cohorts", {}).get(about, max(one.get("evidence", {}).values(), default=0.0))
        if not course or course[-1][1] != evidence:
            course.append([one.get("at", 0.0), evidence])
    times = [one.get("at", 0.0) for one in records]
    return {
        "first": min(times, default=0.0), "last": max(times, default=0.0), "records": len(records),
        "accounts": len({one.get("principal") for one in decided}),
        "refused": sum(bool(one.get("refused")) for one in decided),
        "tightened": sum(one.get("before") in {"clear", "watch"} and one.get("tier") in {"soft", "hard"}
                         for one in decided),
        "most_evidence": max((point[1] for point in course), default=0.0),
        "versions": sorted({f"{one.get('policy')}={one.get('version')}" for one in decided}),
        "dialects": dict(sorted(Counter(str(one.get("dialect")) for one in decided).items())),
        "causes": dict(sorted(Counter(str(cause) for one in decided for cause, _ in one.get("reasons", [])).items())),
        "course": course[:: max(1, len(course) // _COURSE)],
    }


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {many}" for name, many in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _time(value) if isinstance(value, float) and value > 1e8 else str(value)


def _time(at: object) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 (only pages need it)

    return f"{datetime.fromtimestamp(float(at), UTC):%Y-%m-%d %H:%M:%S}" if isinstance(at, int | float) else ""


def _curve(course: list[list[float]]) -> str:
    """Return the course of evidence as an SVG."""
    if len(course) < 2:
        return ""
    left, right = course[0][0], course[-1][0]
    top = max(8.0, *(point[1] for point in course))
    points = " ".join(f"{40 + 740 * (at - left) / max(1e-9, right - left):.1f},{190 - 170 * value / top:.1f}"
                      for at, value in course)
    lines = "".join(f'<line x1="40" x2="780" y1="{190 - 170 * step / top:.1f}" y2="{190 - 170 * step / top:.1f}"/>'
                    f'<text x="4" y="{194 - 170 * step / top:.1f}">10^{step}</text>' for step in (2, 4, 6))
    return (f'<svg viewBox="0 0 800 200" role="img" aria-label="evidence over time, from 10^0 to 10^{top:.0f}">{lines}'
            f'<polyline points="{points}"/></svg>')


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Case: {about}</title><style>
:root {{ color-scheme: light dark; --line: #8888; --ink: #2563eb }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} th, td {{ text-align: left; padding: .2rem .6rem .2rem 0;
border-bottom: 1px solid var(--line); vertical-align: top }} svg {{ width: 100% }} polyline {{ fill: none;
stroke: var(--ink); stroke-width: 2 }} line {{ stroke: var(--line) }} text {{ font-size: 10px; fill: currentColor }}
code {{ font-size: .9em; word-break: break-all }}
</style></head><body><main>
<h1>Case: <code>{about}</code></h1>
<table>{rows}</table>
<h2>Evidence over time</h2>{curve}
<p>{bound}</p>
<h2>Proof</h2>
<p>Records {first} to {last} of the log come to the link <code>{after}</code>. <code>ratelimit audit verify</code>,
given this page, works it out again; given the key, it also checks the seal on it.</p>
<h2>The {many} records</h2>
<table><tr><th>n</th><th>at (UTC)</th><th>principal</th><th>tier</th><th></th><th>for</th></tr>{timeline}</table>
</main><script type="application/json" id="case">{held}</script></body></html>
"""

