#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Builds library, tests and tool for other architectures, runs them under qemu-user, compares the machine code of the
# library with the litmus tests, and prints a table. Needs root, apt-get and, at first, a network. ARCHS says which
# architectures. With SHORT=1 it is s390x, unless ARCHS says otherwise, and the library alone, without tests and tool.
# What the steps say is left in arch-check/log/ of the target folder.
set -eu

# As the other tests have it.
case ,${RBSHIM_TESTS:-}, in
*,offline,*)
	echo "arch-check: skipped: RBSHIM_TESTS=$RBSHIM_TESTS is set"
	exit 0
	;;
esac

. "$(dirname "$0")/lib.sh"
here=$top/platforms/arch
if [ -n "${SHORT:-}" ]; then
	architectures=${ARCHS:-s390x}
	steps=', library, settle,'
else
	architectures=${ARCHS:-$all_architectures}
	steps=', library, settle, tests 4096, tests 65536, tool,'
fi

for name in $architectures; do
	architecture "$name"
done
[ "$(id -u)" = 0 ] || fail 'needs root, to make a root of Debian'
mkdir -p "$CHECK/log"
exec 9>"$CHECK/lock"
flock -n 9 || fail "another one is at work in $CHECK"

# step NAME SCRIPT ARGUMENTS...: sets $said to the last line that the script prints, which is for the table.
step() {
	log=$CHECK/log/$1 script=$here/$2
	printf '%s ... ' "$1"
	shift 2
	result=ok since=$(date +%s)
	"$script" "$@" >"$log" 2>&1 9>&- </dev/null || result=FAILED
	said=$(tail -n 1 "$log")
	echo "$result, $(($(date +%s) - since)) s"
	if [ $result != ok ]; then
		failures=$((failures + 1)) said=FAILED
		tail -n 40 "$log" | sed 's/^/    /'
	fi
}

started=$(date +%s) failures=0
# shellcheck disable=SC2086 # one word each
step root root.sh $architectures
[ $failures = 0 ] || exit 1
: >"$CHECK/table"
for arch in $architectures; do
	began=$(date +%s) row="| $arch |"
	for check in library settle 'tests 4096' 'tests 65536' tool; do
		said='not run'
		case $steps in
		*", $check,"*)
			# shellcheck disable=SC2086 # words
			step "$arch-$(echo "$check" | tr ' ' -)" check.sh "$arch" $check
			;;
		esac
		row="$row $said |"
	done
	echo "$row $(($(date +%s) - began)) s |" >>"$CHECK/table"
done

cat <<end

| architecture | library | \`settle\` | tests, 4K pages | tests, 64K pages | tool | time |
|---|---|---|---|---|---|---|
$(cat "$CHECK/table")

- library: builds as it ships, exports what it exports on x86-64, needs only libc (on Arm, libgcc_s too), and a C
  program runs with it, linked shared and static.
- \`settle\`: in so many places the machine code stores the position, fences and looks, as the litmus tests of the
  machine have it, or with one full barrier at least where \`litmus/\` has no such machine. A library without the
  barriers is found out.
- tests, under qemu-user: the unit tests, \`tests/hostile.rs\`, \`tests/corpus.rs\`, and on 64-bit machines
  \`tests/overwrite.rs\`. Not run: the model (\`ring::model\`), which is about the orderings of the language and is the
  same everywhere; all tests that read rings of a kernel, since qemu-user has no bpf(2). Linux has larger pages on AArch64
  and POWER alone, and so has the emulator.
- tool: is compiled, and its unit tests pass; on 32-bit machines the build says that it is for others. Not run: what
  reads and wakes programs (\`tool/tests/\`), for the same reason.
end

took=$(($(date +%s) - started))
[ $failures = 0 ] || fail "$failures steps FAILED, in $took s; their output is in $CHECK/log"
echo "arch-check: all ok, in $took s"
