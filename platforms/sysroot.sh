#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# sysroot.sh ARCHITECTURE: what a build for another architecture (arm64, ppc64el, s390x: Debian's names) needs and
# cannot be installed beside the host's own:
#
#   $CACHE/sysroot/ARCHITECTURE   its libelf, zlib and libbpf, with their headers; prints this path
#   $CACHE/rust/rustc             a compiler of Rust that has the standard library of each architecture asked for so far
#
# Debian's Rust is used because it has been built for each architecture of Debian's; these packages are unpacked, since
# apt cannot install the libraries of several architectures side by side. The C compiler is gcc-TRIPLET.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
architecture=$1
suite=bookworm
host=$(dpkg --print-architecture)

# unpack FOLDER ARCHITECTURE PACKAGE...
unpack() {
	folder=$1
	APT_CONFIG=$("$here/apt.sh" $suite "$2")
	export APT_CONFIG
	shift 2
	mkdir -p "$folder/packages"
	(cd "$folder/packages" && apt-get --quiet=2 -o APT::Sandbox::User=root download "$@" >&2)
	for package in "$folder"/packages/*.deb; do
		dpkg-deb -x "$package" "$folder"
	done
	rm -rf "$folder/packages"
}

candidate() {
	APT_CONFIG=$("$here/apt.sh" $suite "$host") apt-cache policy "$1" | sed -n 's/^  Candidate: //p'
}

rust=$CACHE/rust
version=$(candidate rustc-web)
if [ "$(cat "$rust/version" 2>/dev/null)" != "$version" ]; then
	rm -rf "$rust"
	library=$(APT_CONFIG=$("$here/apt.sh" $suite "$host") apt-cache depends rustc-web |
		sed -n 's/^.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p' | head -n 1)
	llvm=$(APT_CONFIG=$("$here/apt.sh" $suite "$host") apt-cache depends "$library" |
		sed -n 's/^.*Depends: \(libllvm[0-9]*\)$/\1/p' | head -n 1)
	unpack "$rust" "$host" "rustc-web=$version" "$library=$version" "libstd-rust-web-dev=$version" "$llvm"
	cat >"$rust/rustc" <<-END
		#!/bin/sh
		LD_LIBRARY_PATH=$rust/usr/lib/$(cc -print-multiarch)
		export LD_LIBRARY_PATH
		exec $rust/usr/bin/rustc "\$@"
	END
	chmod +x "$rust/rustc"
	echo "$version" >"$rust/version"
fi
if ! [ -e "$rust/has-$architecture" ]; then
	unpack "$rust" "$architecture" "libstd-rust-web-dev=$version"
	touch "$rust/has-$architecture"
fi

sysroot=$CACHE/sysroot/$architecture
if ! [ -e "$sysroot/complete" ]; then
	rm -rf "$sysroot"
	unpack "$sysroot" "$architecture" libelf-dev libelf1 zlib1g-dev zlib1g libbpf-dev libbpf1
	touch "$sysroot/complete"
fi
echo "$sysroot"
