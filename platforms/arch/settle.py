#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""settle.py ARCHITECTURE OBJDUMP LIBRARY

Looks in a library's machine code for readers that settle: that store their position, fence, and look for a record and
at its header, in this order. Nothing is loaded between the store and the fence, and nothing stored between the fence
and the look: a barrier before the library's own notes may be for those. Fails if there is none. What they do to settle
is what the reader of the litmus tests does.

tests/litmus.rs does the same for x86-64, and is stricter.
"""

import pathlib
import re
import subprocess
import sys

LITMUS = pathlib.Path(__file__).resolve().parents[2] / "litmus"

# herd7 has no model of these machines: a store, a full barrier, and the two looks. Loads are in order on s390x and x86;
# Arm has the same full barrier for every fence.
IN_ORDER = ["store", "fence", "position", "header"]
WITH_FENCES = ["store", "fence", "position", "fence", "header", "fence"]


class Machine:
    """What steps an instruction may be."""

    def __init__(self, settling, steps, loads, stores, stack, ends):
        # The folder of the litmus tests, or what it would say.
        self.settling = settling
        self.patterns = {step: re.compile(pattern) for step, pattern in steps.items()}
        # Loads and stores of whatever, and how an access of the stack can be told, which nobody else sees.
        self.load, self.store = re.compile(loads), re.compile(stores)
        self.stack = stack
        # What execution does not go on after, as far as it is followed: calls, returns, jumps.
        self.ends = re.compile(ends)

    def steps(self, instruction):
        return {step for step, pattern in self.patterns.items() if pattern.fullmatch(instruction)}

    def loads(self, instruction):
        return self.load.match(instruction) and self.stack not in instruction

    def stores(self, instruction):
        return self.store.match(instruction) and self.stack not in instruction

    def expected(self):
        """Each litmus test has one of the two looks."""
        if not isinstance(self.settling, str):
            return self.settling
        empty, busy = self.column("empty"), self.column("busy")
        looks = after_fence(empty)
        assert empty[:looks] == busy[:looks], f"{empty} and {busy} do not begin alike"
        return empty + busy[looks:]

    def column(self, race):
        """What the reader does, which is the same in all tests of this race."""
        columns = set()
        for test in (LITMUS / self.settling).glob(f"rbshim-{race}*.litmus"):
            rows = [line.rstrip(" ;").split("|")[-1] for line in test.read_text().splitlines() if "|" in line]
            steps = [self.steps(normal(row)) for row in rows]
            columns.add(tuple(step.pop() for step in steps if step))
        assert len(columns) == 1, f"{self.settling}, {race}: {columns}"
        return list(columns.pop())


MACHINES = {
    "aarch64": Machine(
        "aarch64",
        {
            "store": r"stlr x\d+,\[x\d+\]",
            "fence": r"dmb ish",
            "position": r"ldr x\d+,\[x\d+\]",
            "header": r"ldr w\d+,\[x\d+(,x\d+)?\]",
            "acquire": r"dmb ishld",
        },
        loads=r"ld",
        stores=r"st",
        stack="[sp",
        ends=r"(?P<call>blr?) |b |br |ret",
    ),
    "ppc64le": Machine(
        "power",
        {
            "store": r"std r\d+,0\(r\d+\)",
            "fence": r"(hw)?sync",
            "position": r"ld r\d+,0\(r\d+\)",
            "header": r"lw[za] r\d+,0\(r\d+\)|lw[za]x r\d+,r\d+,r\d+",
            "acquire": r"lwsync",
        },
        loads=r"l(d|w[za]|h[za]|bz)",
        stores=r"st",
        stack="(r1)",
        ends=r"(?P<call>blr?l|bctrl) ?|b |blr|bctr",
    ),
    "riscv64": Machine(
        "riscv",
        {
            "release": r"fence rw,w",
            "store": r"sd \w+,0\(\w+\)",
            "fence": r"fence rw,rw|fence",
            "position": r"ld \w+,0\(\w+\)",
            "header": r"lwu? \w+,0\(\w+\)",
            "acquire": r"fence r,rw",
        },
        loads=r"l[bhwd]u? ",
        stores=r"s[bhwd] ",
        stack="(sp)",
        ends=r"(?P<call>jalr?) |j |jr |ret",
    ),
    "s390x": Machine(
        IN_ORDER,
        {
            "store": r"stg %r\d+,0\(%r\d+\)",
            "fence": r"br %r0|bcr 1[45],%r0",
            "position": r"ltg? %r\d+,0\(%r\d+\)|lg %r\d+,0\(%r\d+\)",
            "header": r"(chsi|l|lt|lgf|llgf) (%r\d+,)?0\((%r\d+,)?%r\d+\)(,-?\d+)?",
        },
        loads=r"(l|lt|lg|ltg|lgf|llgf|llc|llh|lm|lmg|c|cg|clg|clgf|cghsi|chsi|cli|tm|ag|agf|sg|mvc) ",
        stores=r"(st\w*|mv\w+|agsi|asi|ni|oi) ",
        stack="(%r15)",
        ends=r"(?P<call>brasl|basr) |j |jg |br ",
    ),
    "i686": Machine(
        IN_ORDER,
        {
            "store": r"movq %xmm\d,\(%e\w\w\)|movlps %xmm\d,\(%e\w\w\)",
            "fence": r"mfence|lock orl \$0x0,\(%esp\)",
            "position": r"mov \(%e\w\w\),%e\w\w",
            "header": r"(mov|cmpl \$0x0,|cmp|testl?) ?\(%e\w\w(,%e\w\w,1)?\)(,%e\w\w)?",
        },
        loads=r"(mov\w*|cmp\w*|test\w*|add\w*|sub\w*|and\w*|xor|or) -?(0x[0-9a-f]+)?\(",
        stores=r"[a-z]+ .*\)$",
        stack="(%esp)",
        ends=r"(?P<call>call) |jmp |ret",
    ),
    "armhf": Machine(
        WITH_FENCES,
        {
            "store": r"strexd \w+,\w+,\[\w+\]",
            "fence": r"dmb ish",
            "position": r"ldr \w+,\[\w+\]",
            "header": r"ldr \w+,\[\w+(,\w+)?\]",
        },
        # A store of 64 bits begins with a load, ldrexd, of what it overwrites. Where nothing is stored, clrex follows.
        loads=r"ldr(b|h|sb|sh|d)? |ldm|clrex",
        stores=r"str|stm",
        stack="[sp",
        ends=r"(?P<call>blx?) |b |bx |pop .*pc|ldm.*pc",
    ),
}


def normal(instruction):
    return re.sub(r"\s*,\s*", ",", " ".join(instruction.lower().split()))


def after_fence(steps):
    """How many steps there are from the first to the last fence before the look."""
    return steps.index("position")


def disassemble(objdump, library):
    """Address and text of each instruction."""
    listing = subprocess.run(
        [objdump, "-d", "--no-show-raw-insn", library], check=True, capture_output=True, text=True
    ).stdout
    for line in listing.splitlines():
        address, colon, text = line.partition(":\t")
        if colon:
            yield int(address, 16), normal(re.split(r"\s(?:#|//|;|@)\s", text)[0])


class Code:
    def __init__(self, machine, instructions):
        self.machine = machine
        self.addresses, self.texts = zip(*instructions)
        self.index = {address: index for index, address in enumerate(self.addresses)}
        self.steps = [machine.steps(text) for text in self.texts]

    def followers(self, index):
        """Where execution may go on: no path is followed into or past a call, nor through a jump table."""
        text = self.texts[index]
        ends = self.machine.ends.match(text)
        # A fence of s390x is a jump to nowhere.
        if ends and "fence" in self.steps[index]:
            ends = None
        target = re.search(r"\b([0-9a-f]+) <[^>]*>$", text)
        if target and not (ends and ends["call"]):
            yield self.index.get(int(target[1], 16))
        if not ends and index + 1 < len(self.texts):
            yield index + 1

    def takes(self, start, expected):
        """Does some path on from `start` take these steps?"""
        store, fenced = expected.index("store"), after_fence(expected)
        waiting, seen = [(start, 0)], set()
        while waiting:
            index, taken = waiting.pop()
            if index is None or (index, taken) in seen:
                continue
            seen.add((index, taken))
            if expected[taken] in self.steps[index]:
                taken += 1
                if taken == len(expected):
                    return True
            elif store < taken < fenced and self.machine.loads(self.texts[index]):
                continue
            elif taken == fenced and self.machine.stores(self.texts[index]):
                continue
            waiting.extend((follower, taken) for follower in self.followers(index))
        return False


def main():
    architecture, objdump, library = sys.argv[1:]
    machine = MACHINES[architecture]
    expected = machine.expected()
    print("steps:", ", ".join(expected))
    code = Code(machine, disassemble(objdump, library))
    starts = [index for index, steps in enumerate(code.steps) if expected[0] in steps]
    settled = [index for index in starts if code.takes(index, expected)]
    for index in settled:
        print(f"{code.addresses[index]:#x}: {code.texts[index]}")
    if not settled:
        sys.exit(f"settle: none of {len(starts)} places settles")
    print(f"{len(settled)} of {len(starts)}")


if __name__ == "__main__":
    main()
