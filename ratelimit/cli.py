"""The command ``ratelimit``."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DISTRIBUTION = "behavioral-ratelimit"

#: The exit codes: as argparse has it for wrong arguments, and as shells have it for Ctrl-C.
_WRONG, _INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments* (default: the process's own) and return the exit code.

    0: done. 2: the arguments are wrong, or an extra is not installed. 130: stopped by Ctrl-C.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help(sys.stderr)
        return _WRONG
    try:
        code: int = chosen.command(chosen)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ratelimit", description="Behavioural budgets for ASGI applications.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="command")
    demo = commands.add_parser(
        "demo",
        help="watch a harvest lose its budget while honest people keep theirs",
        description="Starts a real server with a toy model and sends it, over HTTP, honest traffic and a campaign "
        "spread over many accounts: once behind a fixed quota, once behind behavioural budgets. Needs the extra "
        "'demo'. Ctrl-C stops it, prints what came of it so far and exits with 130.",
    )
    demo.add_argument("--seconds", type=_number(float, 1, 3600), default=50.0, metavar="S",
                      help="how long the load takes, 1 to 3600 (default 50); a slow machine may take twice that")
    demo.add_argument("--accounts", type=_number(int, 1, 100_000), default=120, metavar="N",
                      help="accounts of the campaign, 1 to 100000 (default 120)")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="what is asked follows from it (default 1)")
    demo.add_argument("--port", type=_number(int, 0, 65_535), default=0, metavar="P",
                      help="port on 127.0.0.1 (default 0: any that is free)")
    demo.set_defaults(command=_demo)
    _add_replay(commands)
    _add_calibrate(commands)
    _add_explain(commands)
    _add_drill(commands)
    _add_audit(commands)
    _add_scenario(commands)
    _add_intervene(commands)
    _add_console(commands)
    return parser


def _add_drill(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    drill = commands.add_parser(
        "drill",
        help="rehearse campaigns against a policy, among honest people, in simulated time",
        description="Rehearses campaigns that see their refusals and adapt, among honest people of every kind, against "
        "a policy, in simulated time: the real engine decides, nothing is sent anywhere, and all text is synthetic. "
        "Prints what each adversary got, what that cost it against no defence and against a fixed quota that hurts "
        "honest people equally, and what honest people lost. Exit code 0: done; 1: the page cannot be written; 2: "
        "wrong arguments; 3: a condition of --fail-if holds; 130: stopped by Ctrl-C, with what came of it so far.",
    )
    drill.add_argument("names", nargs="*", metavar="NAME",
                       help="adversaries: built in (see --list) or module:name (default: all that are built in)")
    drill.add_argument("--list", action="store_true", help="print the built-in adversaries and honest crowds")
    drill.add_argument("--policy", metavar="MODULE:NAME",
                       help="a Policy, a sequence of them or a function that returns either (default: the default "
                       "policy)")
    drill.add_argument("--crowd", action="append", default=[], dest="crowds", metavar="MODULE:NAME",
                       help="an honest crowd of your own, beside the built-in ones; repeatable")
    drill.add_argument("--seed", type=int, default=1, metavar="N", help="everything follows from it (default 1)")
    drill.add_argument("--days", type=_number(float, 0.01, 365), default=15.0, metavar="D",
                       help="how long a campaign takes, 0.01 to 365 (default 15)")
    drill.add_argument("--accounts", type=_number(int, 1, 1_000_000), default=60, metavar="N",
                       help="accounts that it begins with, 1 to 1000000 (default 60)")
    drill.add_argument("--full", action="store_true",
                       help="the alleged campaign's size: 25000 accounts, 45 days, 28.8 million requests")
    drill.add_argument("--fail-if", action="append", default=[], metavar="CONDITION",
                       help="exit with 3 if this holds of any adversary: a figure of the --json outcome, a comparison "
                       "and a number or percentage, such as 'harvested>5%%' or 'honest_lost>0.001'; repeatable")
    drill.add_argument("--report", metavar="FILE", help="write a page with pictures; needs the extra 'report'")
    drill.add_argument("--json", action="store_true", help="print the outcome as JSON")
    drill.add_argument("--quiet", action="store_true", help="show no progress")
    drill.set_defaults(command=_drill)


def _drill(chosen: argparse.Namespace) -> int:
    from ratelimit.drill.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(names=tuple(chosen.names), policy=chosen.policy, crowds=tuple(chosen.crowds), seed=chosen.seed,
                       days=chosen.days, accounts=chosen.accounts, full=chosen.full, fail_if=tuple(chosen.fail_if),
                       report=chosen.report, json=chosen.json, list=chosen.list, quiet=chosen.quiet))


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser(
        "replay",
        help="decide recorded traffic again: who would be tightened, and why",
        description="Decides a recorded trace again, in its own time, by one policy or several side by side, and "
        "prints who would have been tightened, why, and what share of each. Whatever the mode of a policy, what is "
        "shown is what enforcing would do. A trace is JSON lines: at (Unix seconds), principal, path and body; "
        "since, verified, links, method, status, headers, user_agent and label if known. Bad lines are counted and "
        "skipped. Exit code 0: done; 1: the trace or the output failed; 2: wrong arguments; 3: a condition of "
        "--fail-if holds; 130: stopped by Ctrl-C, with what came of it so far.",
    )
    replay.add_argument("trace", metavar="TRACE", help="the trace: plain, gzip or zstd; - for standard input")
    replay.add_argument("--policy", action="append", default=[], metavar="MODULE:NAME",
                        help="a Policy, a sequence of them or a function that returns either; may be given several "
                        "times (default: the default policy)")
    replay.add_argument("-o", "--output", metavar="FILE",
                        help="write one decision a line, line N for line N; of several policies to FILE with each "
                        "policy's name before its ending; - for standard output, and the summary to standard error")
    _add_reading(replay)
    replay.add_argument("--fail-if", action="append", default=[], metavar="CONDITION",
                        help="exit with 3 if this holds at the end: a name of the --json summary, a comparison and a "
                        "number or percentage, such as 'refused_share>0.02', 'tightened>=5' or 'hard>0'; with labels "
                        "in the trace (a field label, or --map label=PATH) also 'denied[chat]>0.1%%', "
                        "'tightened[chat]>0' and, where the label is honest, 'honest_denied>0.001'; repeatable")
    replay.add_argument("--report", metavar="FILE", help="write a page with pictures; needs the extra 'report'")
    replay.add_argument("--json", action="store_true", help="print the summary as JSON")
    replay.add_argument("--quiet", action="store_true", help="show no progress")
    replay.set_defaults(command=_replay)


def _add_calibrate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    calibrate = commands.add_parser(
        "calibrate",
        help="fit the nulls of the signals to your own traffic",
        description="Reads a trace as replay does, fits the nulls of the signals to it, principal by principal and "
        "robust to a minority of campaigns inside it, and prints the policy as Python to paste: with the share of "
        "honest principals that it leaves outside and how sure that is. Whom the engine finds is left out, and the "
        "trace read again without, and a last time to fit (standard input is read once). Exit code 0: done; 1: the "
        "trace failed; 2: wrong arguments; 3: too little traffic, with what would be enough; 130: stopped by Ctrl-C, "
        "with what came of it so far.",
    )
    calibrate.add_argument("trace", metavar="TRACE", help="the trace: plain, gzip or zstd; - for standard input")
    calibrate.add_argument("--policy", metavar="MODULE:NAME",
                           help="the Policy whose signals are fitted, or a function that returns one (default: the "
                           "default policy)")
    calibrate.add_argument("--alpha", type=_number(float, 0.0001, 0.2), default=0.01, metavar="SHARE",
                           help="the share of honest principals, 0.0001 to 0.2, that may be tightened (default 0.01)")
    _add_reading(calibrate)
    calibrate.add_argument("--json", action="store_true", help="print all of it as JSON, the program too")
    calibrate.add_argument("--quiet", action="store_true", help="show no progress")
    calibrate.set_defaults(command=_calibrate)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser(
        "explain",
        help="tell why one principal or one cohort was tightened",
        description="Reads a trace as replay does and tells, in order, what one principal or one cohort asked, what "
        "was refused, why, and what frees it: in words that can be sent to a customer. --internal tells operators "
        "signals, factors, evidence, thresholds and cohorts. Exit code 0: done; 1: the trace failed, or has no such "
        "id (the nearest are named); 2: wrong arguments; 130: stopped by Ctrl-C, with what came of it so far.",
    )
    explain.add_argument("trace", metavar="TRACE", help="the trace: plain, gzip or zstd; - for standard input")
    subject = explain.add_mutually_exclusive_group(required=True)
    subject.add_argument("--principal", metavar="ID", help="a principal, as the trace names it")
    subject.add_argument("--cohort", metavar="ID", help="a cohort, as decisions print it: shape:5e0bdd8d5bc6eb0d")
    explain.add_argument("--policy", metavar="MODULE:NAME",
                         help="a Policy, a sequence of them or a function that returns either (default: the default "
                         "policy)")
    explain.add_argument("--internal", action="store_true", help="tell how it is judged; not for customers")
    _add_reading(explain)
    explain.add_argument("--json", action="store_true", help="print it as JSON")
    explain.add_argument("--quiet", action="store_true", help="show no progress")
    explain.set_defaults(command=_explain)


def _add_audit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    audit = commands.add_parser(
        "audit",
        help="verify an evidence log, read it, and make a case of it",
        description="Reads what EvidenceLog wrote. The key is taken from RATELIMIT_AUDIT_KEY; without it every link is "
        "checked, and no seal. Exit code 0: done, and whole; 1: not whole, and each fault is named; 2: wrong "
        "arguments, or it cannot be read.",
    )
    verbs = audit.add_subparsers(title="verbs", metavar="verb", required=True)
    verify = verbs.add_parser("verify", help="check every link and seal of a log, or of a case file")
    verify.add_argument("path", metavar="PATH", help="the log's folder, or a case file")
    show = verbs.add_parser("show", help="print the records of a log, a line each")
    show.add_argument("path", metavar="FOLDER", help="the log's folder")
    show.add_argument("--since", type=float, metavar="AT", help="only from this time on, Unix seconds")
    show.add_argument("--until", type=float, metavar="AT", help="only up to this time, Unix seconds")
    case = verbs.add_parser("case", help="gather what a log holds about a cohort or principal, with proof")
    case.add_argument("path", metavar="FOLDER", help="the log's folder")
    case.add_argument("-o", dest="output", metavar="FILE",
                      help="write it there: a page if it ends in .html, else JSON (default: JSON to standard output)")
    for verb in (show, case):
        verb.add_argument("--principal", metavar="HASH", help="a principal, as decisions print it")
        verb.add_argument("--cohort", metavar="ID", help="a cohort, as decisions print it: shape:5e0bdd8d5bc6eb0d")
    for verb in (verify, show):
        verb.add_argument("--json", action="store_true", help="print it as JSON")
    for name, verb in (("verify", verify), ("show", show), ("case", case)):
        verb.set_defaults(command=_audit, verb=name)


def _add_scenario(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    scenario = commands.add_parser(
        "scenario",
        help="hold a policy against recorded or made-up traffic and what is expected of it",
        description="A scenario is a folder with policy.py, trace.jsonl (or .gz, .zst) and expect.toml. Exit code 0: "
        "all is as expected; 1: something is not, and it is told what; 2: wrong arguments, or one cannot be run.",
    )
    verbs = scenario.add_subparsers(title="verbs", metavar="verb", required=True)
    run = verbs.add_parser("run", help="decide the trace of each folder, and check what is expected")
    run.add_argument("folders", nargs="+", metavar="FOLDER")
    run.add_argument("--json", action="store_true", help="print what came of it as JSON")
    run.add_argument("--quiet", action="store_true", help="show no progress")
    new = verbs.add_parser("new", help="write a small scenario to begin with")
    explain = verbs.add_parser("explain", help="tell what happens in a scenario, and why each expectation holds or not")
    for verb in (new, explain):
        verb.add_argument("folders", nargs=1, metavar="FOLDER")
    for name, verb in (("run", run), ("new", new), ("explain", explain)):
        verb.set_defaults(command=_scenario, verb=name)


def _add_intervene(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    intervene = commands.add_parser(
        "intervene",
        help="block, exempt, pardon or hold one principal, or dissolve a cohort, for a while",
        description="Appends to what Interventions(AT) reads: every worker that shares it obeys within a second. "
        "Principals are the hashes, and cohorts the names, that decisions and logs show. Exit code 0: done; 2: it "
        "cannot be done.",
    )
    verbs = intervene.add_subparsers(title="verbs", metavar="verb", required=True)
    for name, said in (("block", "refuse every request"), ("exempt", "let all pass, uncharged and unobserved"),
                       ("pardon", "leave it its budget, whatever the evidence"),
                       ("hold", "tighten it, whatever the evidence"),
                       ("dissolve", "let the evidence against a cohort hold nobody"),
                       ("lift", "end what counts for it"),
                       ("list", "print what counts now, a line each")):
        verb = verbs.add_parser(name, help=said)
        verb.add_argument("--at", required=True, metavar="FILE|URL",
                          help="the file of the interventions, or the URL of the Redis server that holds them")
        verb.add_argument("--prefix", default="ratelimit", metavar="NAME",
                          help="in Redis, what keys begin with (default ratelimit)")
        if name != "list":
            verb.add_argument("subject", metavar="COHORT" if name == "dissolve" else "HASH",
                              help="as decisions show it: 32 hexadecimal digits, or of a cohort shape:5e0bdd8d5bc6eb0d")
            verb.add_argument("--reason", required=True, metavar="TEXT")
            verb.add_argument("--by", required=True, metavar="NAME", help="who says so")
        if name == "hold":
            verb.add_argument("--tier", choices=("soft", "hard"), default="soft", help="at the least (default soft)")
        if name not in {"list", "lift"}:
            verb.add_argument("--hours", type=_number(float, 0.001, 24 * 366), default=24.0, metavar="N",
                              help="how long it counts (default 24)")
        verb.set_defaults(command=_intervene, verb=name)


def _add_console(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    console = commands.add_parser(
        "console",
        help="serve the console of all workers that share a Redis server",
        description="Serves the console by itself: it shows what every worker decides that has "
        "on_decision=Publisher(URL), and what its operators do counts in every worker that has "
        "interventions=Interventions(URL). Tokens come from the environment: RATELIMIT_CONSOLE_OPERATOR and "
        "RATELIMIT_CONSOLE_READER. Put TLS in front of it. Exit code 0: stopped; 2: it cannot be started.",
    )
    console.add_argument("--store", required=True, metavar="URL", help="the Redis server, such as redis://127.0.0.1")
    console.add_argument("--prefix", default="ratelimit", metavar="NAME",
                         help="what keys begin with (default ratelimit)")
    console.add_argument("--policy", metavar="MODULE:NAME", help="the policies in force, to be shown (default: the "
                         "default policy)")
    console.add_argument("--host", default="127.0.0.1", help="the address to listen at (default 127.0.0.1)")
    console.add_argument("--port", type=_number(int, 1, 65_535), default=8100, metavar="P", help="default 8100")
    console.set_defaults(command=_console)


def _console(chosen: argparse.Namespace) -> int:
    from ratelimit.console.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(store=chosen.store, prefix=chosen.prefix, policy=chosen.policy, host=chosen.host,
                       port=chosen.port))


def _add_reading(command: argparse.ArgumentParser) -> None:
    """Add what says how a trace is to be read."""
    command.add_argument("--map", action="append", default=[], dest="maps", metavar="FIELD=PATH",
                         help="take a field from a dotted path into each line, such as --map "
                         "principal=request.api_key, --map links.network=ip; dates and times of RFC 3339 do for at "
                         "and since; repeatable")
    command.add_argument("--mapper", metavar="MODULE:FUNCTION",
                         help="a function from each line's dict to a row's, or to None to leave it out")
    command.add_argument("--max-bad", type=_number(float, 0, 1), default=0.01, metavar="SHARE",
                         help="the share of bad lines, 0 to 1, beyond which to stop, judged from line 1000 on and at "
                         "the end (default 0.01)")
    command.add_argument("--clock", choices=("seconds", "milliseconds", "microseconds", "nanoseconds"),
                         default="seconds", help="what at and since count since 1970 where they are numbers (default "
                         "seconds)")


def _replay(chosen: argparse.Namespace) -> int:
    from ratelimit.replay.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(trace=chosen.trace, policies=tuple(chosen.policy), output=chosen.output,
                       maps=tuple(chosen.maps), mapper=chosen.mapper, max_bad=chosen.max_bad, json=chosen.json,
                       quiet=chosen.quiet, clock=chosen.clock, fail_if=tuple(chosen.fail_if), report=chosen.report))


def _calibrate(chosen: argparse.Namespace) -> int:
    from ratelimit.calibrate.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(trace=chosen.trace, policy=chosen.policy, alpha=chosen.alpha, maps=tuple(chosen.maps),
                       mapper=chosen.mapper, clock=chosen.clock, max_bad=chosen.max_bad, json=chosen.json,
                       quiet=chosen.quiet))


def _explain(chosen: argparse.Namespace) -> int:
    from ratelimit.explain.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(trace=chosen.trace, subject=chosen.principal or chosen.cohort, cohort=chosen.principal is None,
                       policy=chosen.policy, internal=chosen.internal, maps=tuple(chosen.maps), mapper=chosen.mapper,
                       clock=chosen.clock, max_bad=chosen.max_bad, json=chosen.json, quiet=chosen.quiet))


def _audit(chosen: argparse.Namespace) -> int:
    from ratelimit.audit.run import Options, run  # noqa: PLC0415 (only this command needs it)

    given = {name: value for name, value in vars(chosen).items() if name not in {"command", "verb"}}
    return run(Options(command=chosen.verb, **given))


def _scenario(chosen: argparse.Namespace) -> int:
    from ratelimit.scenario.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(command=chosen.verb, folders=tuple(chosen.folders), json=getattr(chosen, "json", False),
                       quiet=getattr(chosen, "quiet", False)))


def _intervene(chosen: argparse.Namespace) -> int:
    from datetime import timedelta  # noqa: PLC0415 (only this command needs any of these)

    import msgspec  # noqa: PLC0415

    from ratelimit.interventions import InterventionError, Interventions  # noqa: PLC0415

    try:
        interventions = Interventions(chosen.at, prefix=chosen.prefix)
        if chosen.verb == "list":
            told = list(interventions)
        elif chosen.verb == "lift":
            told = [interventions.lift(chosen.subject, reason=chosen.reason, by=chosen.by)]
        else:
            told = [interventions.add(chosen.verb, chosen.subject, reason=chosen.reason, by=chosen.by,
                                      tier=getattr(chosen, "tier", ""), lasts=timedelta(hours=chosen.hours))]
    except InterventionError as error:
        print(f"ratelimit intervene: {error}", file=sys.stderr)
        return _WRONG
    for one in told:
        print(msgspec.json.encode(one).decode())
    return 0


def _demo(chosen: argparse.Namespace) -> int:
    try:
        from ratelimit.demo.run import Options, run  # noqa: PLC0415 (only this command needs the extra)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"httpx", "rich", "uvicorn"}:
            raise
        return _complain(f"ratelimit demo needs {missing}: pip install '{_DISTRIBUTION}[demo]'")
    options = Options(seconds=chosen.seconds, accounts=chosen.accounts, seed=chosen.seed, port=chosen.port)
    try:
        return run(options)
    except OSError as error:
        return _complain(f"ratelimit demo: port {chosen.port} on 127.0.0.1 cannot be used ({error.strerror}); choose "
                         "another, or leave --port out")


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return _WRONG


def _number(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:  # not-a-number is refused as well
            raise argparse.ArgumentTypeError(f"must be a number from {least} to {most}, got {text!r}")
        return value

    return read


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "(not installed)"
