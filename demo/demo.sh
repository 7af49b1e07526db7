#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# The same program on libbpf, where it hangs, and with rbshim preloaded, where it does not.
set -eu

cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=$target/demo
library=$target/package/librbshim.so
# An edge-triggered wait on ring_buffer__epoll_fd(), then ring_buffer__consume().
options='--wait=manager --drain=consume --batch=500 --progress'
hang_limit=30
run_through=12

fail() {
	echo "demo: $*" >&2
	exit 1
}

build() {
	make --no-print-directory build
	mkdir -p "$work"
	clang -O2 -g -target bpf -idirafter "/usr/include/$(cc -print-multiarch)" \
		-c c-tests/edge_triggered.bpf.c -o "$work/edge_triggered.bpf.o"
	cc -O2 -pthread c-tests/edge_triggered.c -o "$work/edge_triggered" -lbpf
}

can_run() {
	[ "$(nproc)" -ge 2 ] || fail 'needs two CPUs: the race is one between CPUs'
	[ "$(id -u)" = 0 ] || fail 'needs root: the kernel lets nobody else load these BPF programs'
	printf '5.14\n%s\n' "$(uname -r)" | sort -C -V ||
		fail "needs Linux 5.14, for BPF programs that user space runs; this is $(uname -r)"
}

# run NAME [VARIABLE=VALUE...] OPTION...: leaves the program's last line in NAME.result.
run() {
	name=$1
	shift
	status=0
	# shellcheck disable=SC2086 # one word each
	(cd "$work" && env "$@" ./edge_triggered $options --seconds="$limit" >"$name.result") || status=$?
	echo # ends the line of progress
	if [ "$status" = 2 ]; then
		fail 'the kernel or its settings do not allow BPF here: see above'
	fi
}

value() {
	tr ' ' '\n' <"$work/$1.result" | sed -n "s/^$2=//p"
}

full() {
	size=$(value "$1" size)
	echo "$((($(value "$1" unread) * 100 + size / 2) / size)) %"
}

row() {
	printf '  %-22s %22s %22s\n' "$@"
}

scripts/setup.sh demo
can_run
build
libbpf=$(ldd "$work/edge_triggered" | sed -n 's/.*libbpf.so.1 => \([^ ]*\).*/\1/p')
libbpf=$(basename "$(realpath "$libbpf")")

echo
echo "== The program on $libbpf, at most $hang_limit s"
limit=$hang_limit
run libbpf
stock=$status
[ "$stock" = 3 ] && echo "   It hangs: the ring is $(full libbpf) full, the reader sleeps, nothing wakes it."

echo
echo "== The same binary with LD_PRELOAD=$library, $run_through s"
limit=$run_through
run rbshim RBSHIM_VERBOSE=1 LD_PRELOAD="$library"
shim=$status
[ "$shim" = 0 ] && echo '   It runs through: every record delivered, in order, or counted as dropped by the producer.'

echo
row '' "$libbpf" 'with rbshim'
row 'result' "$(value libbpf result)" "$(value rbshim result)"
row 'until then, s' "$(value libbpf seconds)" "$(value rbshim seconds)"
for name in produced delivered dropped; do
	row "records $name" "$(value libbpf $name)" "$(value rbshim $name)"
done
row 'left in the ring' "$(value libbpf left)" "$(value rbshim left)"
row 'ring at the end' "$(full libbpf) full" "$(full rbshim) full"
row 'wake-ups' "$(value libbpf wakeups)" "$(value rbshim wakeups)"

echo
[ "$stock" = 3 ] || fail "the program did not hang on $libbpf within $hang_limit s: nothing was shown"
[ "$shim" = 0 ] || fail 'the program did not run through with rbshim'
