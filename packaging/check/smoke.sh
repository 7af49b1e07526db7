#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# smoke.sh [--build]
#
# Compiles smoke.c with what pkg-config says of rbshim, shared and static, and runs it. That is the installed
# rbshim or, with --build, this tree's, installed into a temporary folder. Needs no BPF.
set -eu

here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "smoke: $*" >&2
	exit 1
}

needs_the_shared_library() {
	objdump -p "$1" | grep -q 'NEEDED *librbshim\.so\.1$'
}

# compile PROGRAM ARGUMENTS...
compile() {
	program=$1
	shift
	# shellcheck disable=SC2046,SC2086 # flags are words
	${CC:-cc} ${CFLAGS:-} $(pkg-config --cflags rbshim) -o "$program" "$here/smoke.c" "$@" ${LDFLAGS:-}
}

if [ "${1:-}" = --build ]; then
	make -C "$here/../.." install DESTDIR="$work" PREFIX=/usr LIBDIR=/usr/lib
	export PKG_CONFIG_LIBDIR="$work/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work"
	export LD_LIBRARY_PATH="$work/usr/lib"
fi

# shellcheck disable=SC2046 # flags are words
compile "$work/shared" $(pkg-config --libs rbshim)
needs_the_shared_library "$work/shared" || fail 'linked without librbshim.so.1'
"$work/shared"

# shellcheck disable=SC2046 # flags are words
compile "$work/static" -Wl,-Bstatic $(pkg-config --libs rbshim) -Wl,-Bdynamic
! needs_the_shared_library "$work/static" || fail 'linked with librbshim.so.1, not with the archive'
"$work/static"
