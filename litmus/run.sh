#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Asks herd7 about every test here, and fails if an answer is not the one in the test's `Result:` line.
# HERD is the program, LKMM the kernel's memory model: `tools/memory-model` of a Linux source tree.
set -eu

herd=${HERD:-herd7} lkmm=${LKMM:-}
tests=$(dirname "$0")

fail() {
	echo "rbshim: $*" >&2
	exit 1
}

command -v "$herd" >/dev/null ||
	fail "the litmus tests need herd7, from https://github.com/herd/herdtools7 (make litmus HERD=/path/to/herd7)"
[ -z "$lkmm" ] || [ -r "$lkmm/linux-kernel.cfg" ] || fail "LKMM=$lkmm: linux-kernel.cfg is not there"

# Prints what herd7 says.
ask() {
	case $1 in
	*/c11/*) "$herd" -model rc11.cat "$1" ;;
	*/lkmm/*) "$herd" -I "$lkmm" -conf linux-kernel.cfg "$1" ;;
	*) "$herd" "$1" ;;
	esac 2>&1
}

asked=0 wrong=0 left_out=0
for test in "$tests"/*/*.litmus; do
	case $test in
	*/lkmm/*) [ -n "$lkmm" ] || { left_out=$((left_out + 1)) && continue; } ;;
	esac
	asked=$((asked + 1))
	expected=$(sed -n 's/^ \* Result: //p' "$test")
	said=$(ask "$test") || true
	verdict=$(echo "$said" | sed -n 's/^Observation [^ ]* \([^ ]*\).*/\1/p')
	# After a data race, or with outcomes left out, a verdict is worth nothing.
	doubts=$(echo "$said" | grep -E '^Flag .*(race|undef)|^Warning:') || true
	printf '%-9s  %s\n' "${verdict:-none}" "${test#"$tests"/}"
	if [ -z "$expected" ] || [ "$verdict" != "$expected" ] || [ -n "$doubts" ]; then
		wrong=$((wrong + 1))
		echo "rbshim: expected ${expected:-a Result: line}; herd7 says:" >&2
		echo "$said" >&2
	fi
done

[ "$left_out" = 0 ] || echo "$left_out tests of the kernel's memory model are left out: LKMM is not set"
[ "$wrong" = 0 ] || fail "$wrong of $asked verdicts are not the expected ones"
echo "$asked verdicts, all as expected"
