#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# build.sh ARCHITECTURE: builds rbshim, libbpf and the programs for guests, in $CACHE/programs/ARCHITECTURE. libbpf is
# the source that comes with the crate libbpf-sys, or RBSHIM_LIBBPF, in the layout of its own repository.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
architecture=$1
out=$CACHE/programs/$architecture
mkdir -p "$out"

libbpf=${RBSHIM_LIBBPF:-}
if [ -z "$libbpf" ]; then
	manifest=$(${CARGO:-cargo} metadata --format-version=1 --locked |
		grep -o '"manifest_path":"[^"]*/libbpf-sys-[^"]*/Cargo.toml"' | cut -d '"' -f 4)
	libbpf=${manifest%/*}/libbpf
fi
version() {
	sed -n "s/^LIBBPF_$1_VERSION := //p" "$libbpf/src/Makefile"
}
echo "$(version MAJOR).$(version MINOR).$(version PATCH)" >"$out/libbpf-version"

# shellcheck source=platforms/architecture.sh
. "$here/../architecture.sh"
if [ "$(cc -print-multiarch)" = "$triplet" ]; then
	sysroot='' cc=cc cxx=c++ target=${CARGO_TARGET_DIR:-target} rbshim=$target/package
	make --silent build >&2
else
	sysroot=$("$here/../sysroot.sh" "$debian")
	cc=$triplet-gcc cxx=$triplet-g++ target=$CACHE/rbshim rbshim=$target/$rust/package
	RUSTC=$CACHE/rust/rustc CARGO_BUILD_TARGET=$rust CARGO_TARGET_DIR=$target CC=$cc make --silent build >&2
fi
make --silent -f "$here/programs.mk" -j"$(nproc)" OUT="$out" CC="$cc" CXX="$cxx" SYSROOT="$sysroot" \
	LIBBPF="$libbpf/src" RBSHIM="$(realpath "$rbshim")" BPF="$bpf" >&2
