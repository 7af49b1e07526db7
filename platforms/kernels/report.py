#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""report.py TRANSCRIPT...: compares what the programs of c-tests/ have printed in guests, on libbpf and on rbshim, and
prints tables. Exit status 1 if anything has failed.

A transcript is what run.sh has written: `guest NAME`, `libbpf VERSION`, then what start.sh prints, then `ended STATUS
SECONDS`. What a program prints with rbshim must be what it prints with libbpf alone in the same guest, but for what
`c-tests/PROGRAM.differs` says; or what `c-tests/PROGRAM.expected` says, where libbpf's behaviour is undefined. A
program that the kernel cannot run (status 77, in every way) is not run; `not-run` must say so, and of no other,
unless what is missing is in libbpf.
"""

import fnmatch
import pathlib
import sys
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
C_TESTS = HERE.parent.parent / "c-tests"
CANNOT_RUN = 77
# How edge_triggered.c ends.
CANNOT_SET_UP, HUNG = 2, 3
SAME, STATED, EXPECTED, NO_HANG, NOT_RUN, FAILED = (
    "same",
    "differs as stated",
    "as expected",
    "does not hang",
    "not run",
    "**FAILED**",
)


class Wrong(Exception):
    """What is not as it should be, in words."""


@dataclass
class Run:
    """One program in one way."""

    out: list = field(default_factory=list)
    err: list = field(default_factory=list)
    status: int = None
    seconds: float = 0


@dataclass
class Guest:
    name: str = ""
    libbpf: str = ""
    kernel: str = ""
    page: str = ""
    seconds: str = ""
    ended: int = None
    complete: bool = False
    # {program: {way: Run}}
    programs: dict = field(default_factory=dict)
    last: str = "none"


def read(path):
    guest, run, before = Guest(), None, None
    for line in path.read_text(errors="replace").splitlines():
        word, _, rest = line.partition(" ")
        if word in ("guest", "libbpf", "kernel", "page"):
            setattr(guest, {"guest": "name"}.get(word, word), rest)
        elif word == "run":
            program, way = rest.split()
            ways = guest.programs.setdefault(program, {})
            before, run = list(ways.values())[-1] if ways else None, Run()
            ways[way] = run
            guest.last = rest
        elif line == "as before":
            run.out = before.out
        elif word in ("out", "err"):
            getattr(run, word).append(rest)
        elif word == "status":
            status, seconds = rest.split()
            run.status, run.seconds = int(status), float(seconds)
        elif line == "all were run":
            guest.complete = True
        elif word == "ended":
            status, guest.seconds = rest.split()
            guest.ended = int(status)
    return guest


def stated(program, extension):
    """The lines of that file beside the program, which may have arguments, without its comments."""
    path = C_TESTS / f"{program.split(',')[0]}.{extension}"
    if path.exists():
        return [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return None


def take(lines, sign):
    taken = []
    while lines and lines[0].startswith(sign):
        taken.append(lines.pop(0)[1:])
    return taken


def apply(text, differences):
    """Hunks of `-` lines, each with the `+` lines in their place, in the order of the text, as in tests/common."""
    rest, result, differences = list(text), [], list(differences)
    while differences:
        old, new = take(differences, "-"), take(differences, "+")
        places = [i for i in range(len(rest)) if rest[i : i + len(old)] == old]
        if not old or not places:
            raise Wrong(f"stated, but not what libbpf prints: {old or new}")
        result += rest[: places[0]] + new
        rest = rest[places[0] + len(old) :]
    return result + rest


def ended_well(run, way):
    if run.status != 0:
        how = "took too long" if run.status == 137 else f"ended with status {run.status}"
        raise Wrong(f"{way} {how}: {' / '.join(run.err[-3:])}")


def first_difference(wanted, printed):
    for number, (one, other) in enumerate(zip(wanted, printed), 1):
        if one != other:
            return f"line {number} is {other!r} instead of {one!r}"
    return f"{len(printed)} lines instead of {len(wanted)}"


def judge_edge_triggered(ways, statuses):
    """It counts records for itself, and may hang on libbpf."""
    if statuses == {CANNOT_SET_UP}:
        return NOT_RUN, " / ".join(ways["stock"].err[-1:])
    if ways["stock"].status not in (0, HUNG):
        ended_well(ways["stock"], "stock")
    for way, run in ways.items():
        if way != "stock":
            ended_well(run, way)
    return NO_HANG, "with libbpf alone it hung" if ways["stock"].status == HUNG else "nor did it with libbpf alone"


def judge(program, ways):
    """What became of a program, and why if it was not run; or Wrong."""
    statuses = {run.status for run in ways.values()}
    if program.startswith("edge_triggered"):
        return judge_edge_triggered(ways, statuses)
    if statuses == {CANNOT_RUN}:
        return NOT_RUN, " / ".join(ways["stock"].err[-1:])
    wanted, verdict = stated(program, "expected"), EXPECTED
    if wanted is None:
        ended_well(ways["stock"], "stock")
        wanted, verdict = ways["stock"].out, SAME
        differences = stated(program, "differs")
        if differences:
            wanted, verdict = apply(wanted, differences), STATED
    with_rbshim = {way: run for way, run in ways.items() if way != "stock"}
    if not with_rbshim:
        raise Wrong("was run on libbpf alone")
    for way, run in with_rbshim.items():
        ended_well(run, way)
        if run.out != wanted:
            raise Wrong(f"{way}: {first_difference(wanted, run.out)}")
    return verdict, ""


def may_be_not_run(guest, program, reason):
    if reason.startswith(f"libbpf {guest.libbpf} has "):
        return True
    for line in (HERE / "not-run").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            kernels, programs, _ = line.split(maxsplit=2)
            if fnmatch.fnmatch(guest.name, kernels) and fnmatch.fnmatch(program, programs):
                return True
    return False


def verdicts(guest):
    """{program: (verdict, reason)}, and what is wrong with the guest as a whole."""
    result, wrong = {}, []
    for program, ways in guest.programs.items():
        try:
            verdict, reason = judge(program, ways)
            if verdict == NOT_RUN and not may_be_not_run(guest, program, reason):
                raise Wrong(f"not run, and `not-run` does not say so: {reason}")
            if verdict != NOT_RUN and may_be_not_run(guest, program, ""):
                raise Wrong("was run, and `not-run` says that it cannot be")
        except Wrong as what:
            verdict, reason = FAILED, str(what)
        result[program] = verdict, reason
    if not guest.complete or guest.ended != 0:
        wrong.append(f"the guest ended with status {guest.ended}; the last that it ran was {guest.last}")
    if all(verdict == NOT_RUN for verdict, _ in result.values()):
        wrong.append("nothing was run")
    return result, wrong


def list_programs(result, wanted):
    """The programs of that verdict, by reason."""
    reasons = {}
    for program, (verdict, reason) in result.items():
        if verdict == wanted:
            reasons.setdefault(reason, []).append(program)
    return reasons


def main(paths):
    guests = [read(pathlib.Path(path)) for path in paths]
    results = [verdicts(guest) for guest in guests]
    columns = [SAME, STATED, EXPECTED, NO_HANG, NOT_RUN, FAILED]

    print("| guest | kernel | pages | libbpf | " + " | ".join(columns) + " | seconds |")
    print("|---" * (len(columns) + 5) + "|")
    for guest, (result, _) in zip(guests, results):
        counts = [sum(verdict == column for verdict, _ in result.values()) for column in columns]
        cells = [guest.name, guest.kernel.split(",")[0], guest.page, guest.libbpf, *map(str, counts), guest.seconds]
        print("| " + " | ".join(cells) + " |")

    print("\n| program | " + " | ".join(guest.name for guest in guests) + " |")
    print("|---" * (len(guests) + 1) + "|")
    for program in sorted({program for result, _ in results for program in result}):
        cells = [result.get(program, ("", ""))[0] for result, _ in results]
        print(f"| {program} | " + " | ".join(cells) + " |")

    failed = False
    for guest, (result, wrong) in zip(guests, results):
        print(f"\n{guest.name}: {guest.kernel}")
        for reason, programs in list_programs(result, NOT_RUN).items():
            print(f"- not run: {', '.join(programs)}: {reason}")
        for reason, programs in list_programs(result, NO_HANG).items():
            print(f"- does not hang: {', '.join(programs)}: {reason}")
        for reason, programs in list_programs(result, FAILED).items():
            print(f"- FAILED: {', '.join(programs)}: {reason}")
            failed = True
        for what in wrong:
            print(f"- FAILED: {what}")
            failed = True
    return 1 if failed or not guests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
