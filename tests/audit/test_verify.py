"""Whatever is done to a log or to a case is found, and named with its file and line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ratelimit.audit import AuditError, case_of, records, verify, verify_case
from ratelimit.audit.chain import BEGINNING, read, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = b"the key of the tests, long enough"


def first(folder: Path) -> Path:
    """Return the first file."""
    return folder / "evidence-00000001.jsonl"


def lines(folder: Path) -> list[bytes]:
    """Return the lines of the first file."""
    return first(folder).read_bytes().splitlines(keepends=True)


def flip(folder: Path) -> None:
    """Change one digit in the body of the fifth line."""
    kept = lines(folder)
    kept[4] = kept[4].replace(b'"tier":"soft"', b'"tier":"hard"').replace(b'"prompts":1', b'"prompts":2')
    first(folder).write_bytes(b"".join(kept))


def flip_chain(folder: Path) -> None:
    """Change one digit of the fifth line's link."""
    kept = lines(folder)
    at = kept[4].index(b'"chain":"') + 9
    kept[4] = kept[4][:at] + (b"0" if kept[4][at : at + 1] != b"0" else b"1") + kept[4][at + 1 :]
    first(folder).write_bytes(b"".join(kept))


def garble(folder: Path) -> None:
    """Put a byte that is no text into the third line."""
    kept = lines(folder)
    kept[2] = kept[2].replace(b'"kind"', b'"k\xffnd"')
    first(folder).write_bytes(b"".join(kept))


def drop(folder: Path) -> None:
    """Take the fourth line out."""
    kept = lines(folder)
    first(folder).write_bytes(b"".join(kept[:3] + kept[4:]))


def reorder(folder: Path) -> None:
    """Change the fourth line and the fifth round."""
    kept = lines(folder)
    kept[3], kept[4] = kept[4], kept[3]
    first(folder).write_bytes(b"".join(kept))


def head(folder: Path) -> None:
    """Take the head of the second file off."""
    path = folder / "evidence-00000002.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def lose(folder: Path) -> None:
    """Lose the second file."""
    (folder / "evidence-00000002.jsonl").unlink()


def lose_first(folder: Path) -> None:
    """Lose the first file."""
    first(folder).unlink()


def swap(folder: Path) -> None:
    """Change the names of two files round."""
    one, other = folder / "evidence-00000001.jsonl", folder / "evidence-00000002.jsonl"
    one.rename(folder / "x")
    other.rename(one)
    (folder / "x").rename(other)


def cut(folder: Path) -> None:
    """Cut the last line in half."""
    path = max(folder.glob("*.jsonl"))
    path.write_bytes(path.read_bytes()[:-30])


def forge(folder: Path) -> None:
    """Make the whole chain of the first file anew, with a record changed, under a key of one's own."""
    kept = [read(line) for line in lines(folder)]
    chain, made = BEGINNING, []
    for found in kept:
        assert found is not None
        record = {**found[1], "refused": False} if found[1]["kind"] == "decision" else found[1]
        line, chain = written(record, chain, b"another key that is long enough")
        made.append(line)
    first(folder).write_bytes(b"".join(made))


@pytest.mark.parametrize(("tamper", "told"), [
    (flip, r"evidence-00000001.jsonl:5: record 5 was changed, or the one before it"),
    (flip_chain, r"evidence-00000001.jsonl:5: record 5 was changed, or the one before it"),
    (garble, r"evidence-00000001.jsonl:3: is no record: it was changed, or is not of this log"),
    (drop, r"evidence-00000001.jsonl:4: record 4 is missing before record 5"),
    (reorder, r"evidence-00000001.jsonl:4: record 4 is missing before record 5"),
    (head, r"evidence-00000002.jsonl:1: does not say that it is file 2: its head was dropped, or it was renamed"),
    (lose, r"evidence-00000003.jsonl: the file before it is missing: evidence-00000002.jsonl"),
    (lose_first, r"evidence-00000002.jsonl: the files before it are missing"),
    (swap, r"evidence-00000001.jsonl:1: does not say that it is file 1: its head was dropped, or it was renamed"),
    (cut, r"evidence-0000000\d.jsonl:\d+: the last line is torn: \d+ bytes of a record that was never finished"),
    (forge, r"evidence-00000001.jsonl:1: record 1: its seal is not by this key: the chain was made anew"),
])
def test_each_tampering_is_named(tamper: Any, told: str, tmp_path: Path, evidence: Callable[[Path], str]) -> None:
    """With the file and the line where it begins, with the key and, but for a forged chain, without it."""
    evidence(tmp_path)
    whole = verify(tmp_path, KEY)
    tamper(tmp_path)
    found = verify(tmp_path, KEY)

    assert whole.findings == ()
    assert whole.files >= 3
    assert re.fullmatch(f"{told}.*", str(found.findings[0]))
    if tamper is not forge:
        assert str(verify(tmp_path).findings[0]) == str(found.findings[0])


def test_another_key_is_told(tmp_path: Path, evidence: Callable[[Path], str]) -> None:
    """By its id, without a word of either."""
    evidence(tmp_path)
    told = str(verify(tmp_path, b"another key that is long enough").findings[0])

    assert re.search(r"is sealed by the key [0-9a-f]{16}, and the one given is [0-9a-f]{16}$", told)


def test_a_case_stands_by_itself(tmp_path: Path, evidence: Callable[[Path], str]) -> None:
    """It holds the records about the cohort, what they come to, and the proof that they are those of the log."""
    cohort = evidence(tmp_path / "log")
    case = case_of(tmp_path / "log", cohort, KEY)
    path = tmp_path / "case.json"
    path.write_bytes(msgspec.json.encode(case))

    assert verify_case(path, KEY).findings == ()
    assert verify_case(path).findings == ()
    assert case.summary["accounts"] == 8
    assert case.summary["refused"] > 30
    assert case.summary["most_evidence"] >= 4.0
    assert b"intervention" in bytes(case.records[-1].body)
    assert "Ville 1939" in case.bound


@pytest.mark.parametrize(("change", "told"), [
    (lambda case: case["records"][2]["body"].update(refused=False), "is not the one that the log had there"),
    (lambda case: case["digests"].pop(3), "its proof does not come to the link that it names"),
    (lambda case: case["summary"].update(accounts=1), "its summary does not follow from its records"),
    (lambda case: case["records"].pop(), "its summary does not follow from its records"),
    (lambda case: case.update(seal="00" * 32), "the seal on its last link is not by this key"),
])
def test_a_case_that_was_touched_is_found_out(
    change: Any, told: str, tmp_path: Path, evidence: Callable[[Path], str]
) -> None:
    """In words."""
    cohort = evidence(tmp_path / "log")
    held = json.loads(msgspec.json.encode(case_of(tmp_path / "log", cohort, KEY)))
    change(held)
    path = tmp_path / "case.json"
    path.write_text(json.dumps(held, separators=(",", ":"), sort_keys=False))

    assert any(told in str(one) for one in verify_case(path, KEY).findings)


def test_no_case_is_made_of_a_broken_log(tmp_path: Path, evidence: Callable[[Path], str]) -> None:
    """The fault is told; and so is a name that the log does not hold."""
    cohort = evidence(tmp_path)
    with pytest.raises(AuditError, match="holds nothing about 'shape:none'"):
        case_of(tmp_path, "shape:none", KEY)
    drop(tmp_path)
    with pytest.raises(AuditError, match=r"is not whole, so no case can be made of it: .* record 4 is missing"):
        case_of(tmp_path, cohort, KEY)


def command(*arguments: str, key: bool = True) -> Any:
    """Run ``ratelimit audit``."""
    environment = os.environ | ({"RATELIMIT_AUDIT_KEY": KEY.decode()} if key else {})
    return subprocess.run([sys.executable, "-m", "ratelimit", "audit", *arguments], capture_output=True, text=True,
                          check=False, env=environment, timeout=60)


def test_the_commands(tmp_path: Path, evidence: Callable[[Path], str]) -> None:
    """Verify, show and case, for people and for pipelines."""
    folder = tmp_path / "log"
    cohort = evidence(folder)
    whole, unsealed = command("verify", str(folder)), command("verify", str(folder), key=False)
    shown = command("show", str(folder), "--cohort", cohort, "--json")
    page = command("case", str(folder), "--cohort", cohort, "-o", str(tmp_path / "case.html"))
    verified = command("verify", str(tmp_path / "case.html"), "--json")
    flip(folder)
    broken = command("verify", str(folder))
    nowhere = command("verify", str(tmp_path / "nowhere"))

    assert (whole.returncode, unsealed.returncode) == (0, 0)
    assert "every link was checked, and every seal" in whole.stdout
    assert "but no seal (set RATELIMIT_AUDIT_KEY" in unsealed.stdout
    assert all(cohort in line for line in shown.stdout.splitlines())
    assert page.returncode == 0, page.stderr
    assert json.loads(verified.stdout)["findings"] == []
    assert broken.returncode == 1
    assert "evidence-00000001.jsonl:5: record 5 was changed" in broken.stdout
    assert nowhere.returncode == 2
    assert "there is no such folder" in nowhere.stderr
    assert KEY.decode() not in "".join(one.stdout + one.stderr for one in (whole, shown, page, verified, broken))


def test_a_page_lets_nothing_out(tmp_path: Path, evidence: Callable[[Path], str]) -> None:
    """It needs no network, and what stands in the log is no markup."""
    cohort = evidence(tmp_path / "log")
    from ratelimit.audit.case import as_page  # noqa: PLC0415

    case = case_of(tmp_path / "log", cohort, KEY)
    case.summary["versions"] = ["</script><script>alert(1)</script>"]
    page = as_page(case)

    assert "http" not in page.replace("http-equiv", "")
    assert "<script>alert" not in page
    assert len(list(records(tmp_path / "log"))) > 60
