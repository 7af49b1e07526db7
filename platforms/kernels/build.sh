#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# build.sh ARCHITECTURE: builds rbshim, libbpf and the programs for guests, and prints the folder in which they are; its
# root/ becomes the guest's root. libbpf is the source that comes with the crate libbpf-sys, or RBSHIM_LIBBPF, in the
# layout of its own repository. PROGRAMS and WAYS, as they are for run.sh, are what is needed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
architecture=$1

libbpf=${RBSHIM_LIBBPF:-}
if [ -z "$libbpf" ]; then
	manifest=$(${CARGO:-cargo} metadata --format-version=1 --locked |
		grep -o '"manifest_path":"[^"]*/libbpf-sys-[^"]*/Cargo.toml"' | cut -d '"' -f 4)
	libbpf=${manifest%/*}/libbpf
fi
version() {
	sed -n "s/^LIBBPF_$1_VERSION := //p" "$libbpf/src/Makefile"
}
minor=$(version MINOR) version=$(version MAJOR).$minor.$(version PATCH)
out=$CACHE/programs/$architecture-libbpf-$version
mkdir -p "$out/root"
echo "$version" >"$out/libbpf-version"

# Programs that cannot be linked with this libbpf, or that read its structs, and why.
lacking() {
	for source in c-tests/*.c c-tests/*.cpp; do
		# Programs for rbshim alone, and one that takes minutes, are not built.
		case $source in *_api.c | */soak.c) continue ;; esac
		# shellcheck disable=SC2013 # names have no spaces
		for function in $(grep -o -w -E '(user_)?ring(_buffer)?__[a-z_]+' "$source" | sort -u); do
			# Where a program declares a function weak, it can do without.
			grep -q -w "$function" "$libbpf/src/libbpf.map" || grep -q "$function(.*weak" "$source" && continue
			name=${source##*/}
			echo "${name%.*} libbpf $version has no $function()"
			break
		done
	done
	[ "$minor" -ge 3 ] || echo "private_structs libbpf $version has other structs"
}
lacking >"$out/root/lacking"

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
	ONLY="$(echo "${PROGRAMS:-}" | tr ' ' '\n' | cut -d , -f 1 | tr '\n' ' ')" WAYS="${WAYS:-shared static}" \
	LACKING="$(cut -d ' ' -f 1 "$out/root/lacking" | tr '\n' ' ')" \
	LIBBPF="$libbpf/src" RBSHIM="$(realpath "$rbshim")" BPF="$bpf" >&2
echo "$out"
