#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# tool.sh [--build]
#
# Runs the program rbshim: its version, what it says about programs, and smoke.c with the library that it finds. That
# is the installed one or, with --build, this tree's, installed with the library into a temporary folder. Needs no BPF.
set -eu

here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "tool: $*" >&2
	exit 1
}

# says STATUS TEXT COMMAND...: the program ends with this status and says this.
says() {
	wanted=$1 text=$2
	shift 2
	status=0
	said=$(rbshim "$@" 2>&1) || status=$?
	echo "rbshim $*: exit status $status"
	echo "$said"
	[ $status = "$wanted" ] || fail "exit status $status, not $wanted"
	case $said in
	*"$text"*) ;;
	*) fail "does not say: $text" ;;
	esac
}

if [ "${1:-}" = --build ]; then
	make -C "$here/../.." install install-tool DESTDIR="$work" PREFIX=/usr LIBDIR=/usr/lib
	PATH=$work/usr/bin:$PATH
fi

# Linked with a libbpf whose functions do nothing, smoke.c fails unless another library comes before it.
grep -o '[a-z_]*ring[a-z_]*__[a-z_]*' "$here/smoke.c" | sort -u |
	sed 's/.*/int &(void) { return 0; }/' >"$work/libbpf.c"
# shellcheck disable=SC2086 # flags are words
compile() {
	${CC:-cc} ${CFLAGS:-} "$@" ${LDFLAGS:-}
}
compile -shared -fPIC -Wl,-soname,libbpf.so.1 -o "$work/libbpf.so.1" "$work/libbpf.c"
compile -I "$here/../../include" -Wl,-rpath,"$work" -o "$work/smoke" "$here/smoke.c" "$work/libbpf.so.1"
! "$work/smoke" 2>/dev/null || fail 'smoke.c does not see the library'

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml")
says 0 "rbshim $version" --version
says 10 'the preloaded library reaches it' check "$work/smoke"
says 0 'no ring buffer reader' check "$(command -v rbshim)"
says 0 'ring_buffer__new(-1): NULL' run -- "$work/smoke"
