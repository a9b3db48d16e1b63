"""The command ``ratelimit``, as a process and as a function."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from ratelimit.cli import main


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_version_is_the_distributions() -> None:
    """``python -m ratelimit --version`` prints the installed version."""
    try:
        installed = version("behavioral-ratelimit")
    except PackageNotFoundError:  # run from a source tree
        installed = "(not installed)"
    done = _python("-m", "ratelimit", "--version")

    assert (done.returncode, done.stdout) == (0, f"ratelimit {installed}\n")


def test_no_command_is_answered_with_help() -> None:
    """``ratelimit`` alone says what there is, on standard error, and exits with 2."""
    done = _python("-m", "ratelimit")

    assert done.returncode == 2
    assert "demo" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--seconds", "soon"], "--seconds: must be a number from 1 to 3600, got 'soon'"),
        (["demo", "--seconds", "0"], "--seconds: must be a number from 1 to 3600, got '0'"),
        (["demo", "--seconds", "nan"], "--seconds: must be a number from 1 to 3600, got 'nan'"),
        (["demo", "--accounts", "0"], "--accounts: must be a number from 1 to 100000, got '0'"),
        (["demo", "--accounts", "2.5"], "--accounts: must be a number from 1 to 100000, got '2.5'"),
        (["demo", "--seed", "x"], "--seed: invalid int value: 'x'"),
        (["demo", "--port", "65536"], "--port: must be a number from 0 to 65535, got '65536'"),
    ],
)
def test_wrong_arguments_are_named_and_exit_with_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each complaint says which argument, what it must be and what it was."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["httpx", "rich", "uvicorn"])
def test_the_demo_without_its_extra_says_what_to_install(missing: str) -> None:
    """Without a library of the extra the demo gives the exact pip command and exits with 2, without a traceback."""
    hidden = f"import sys; sys.modules[{missing!r}] = None; from ratelimit.cli import main; sys.exit(main(['demo']))"
    done = _python("-c", hidden)

    assert done.returncode == 2
    assert done.stderr == f"ratelimit demo needs {missing}: pip install 'behavioral-ratelimit[demo]'\n"


def test_a_command_that_is_not_used_is_not_imported() -> None:
    """Asking for help imports neither the demo nor what it needs."""
    done = _python(
        "-c",
        "import sys\n"
        "from ratelimit.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'httpx', 'rich', 'uvicorn', 'ratelimit.demo'} & sys.modules.keys()))",
    )

    assert done.stdout.splitlines()[-1] == "[]"
