#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Finds out what building (`build`), the demo (`demo`) or the tests (`check`) need and this machine
# lacks. Debian and Ubuntu: installs it. Elsewhere: lists it and fails.
set -eu

purpose=${1:-check}
rust=1.85
export DEBIAN_FRONTEND=noninteractive

has() {
	command -v "$1"
}

links() {
	printf '#include <%s>\nint main(void) { return 0; }\n' "$1" | cc -x c - -o /dev/null "$2"
}

clang_has_bpf() {
	echo 'int x;' | clang -target bpf -x c - -c -o /dev/null
}

finds_libclang() {
	[ -n "${LIBCLANG_PATH:-}" ] || ldconfig -p | grep libclang || ls /usr/lib/llvm*/lib/libclang*.so*
}

finds_certificates() {
	for file in /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem /etc/pki/tls/cert.pem /var/lib/ca-certificates/ca-bundle.pem; do
		[ ! -s "$file" ] || return 0
	done
	return 1
}

rust_is_new_enough() {
	cargo_version=$(cargo --version | cut -d ' ' -f 2) && rustc --version &&
		printf '%s\n%s\n' "$rust" "$cargo_version" | sort -C -V
}

# need WHAT PACKAGES PROBE...: remembers what is missing.
need() {
	what=$1 wanted=$2
	shift 2
	"$@" >/dev/null 2>&1 && return
	missing="$missing
  $what${wanted:+ (Debian, Ubuntu: $wanted)}"
	packages="$packages $wanted"
}

find_missing() {
	missing='' packages=''
	need 'a C compiler, cc' 'gcc libc6-dev' links stdio.h -lc
	need make make has make
	need 'ar, objcopy' binutils has objcopy
	need "Rust $rust or newer: cargo and rustc, e.g. from https://rustup.rs" "$rust_packages" rust_is_new_enough
	need 'CA certificates, for https://crates.io' ca-certificates finds_certificates
	[ "$purpose" = build ] && return
	need 'libbpf 1.0 or newer with its headers' libbpf-dev links bpf/libbpf.h -lbpf
	need 'clang with the BPF target' clang clang_has_bpf
	[ "$purpose" = demo ] && return
	need 'a C++ compiler, c++' g++ has c++
	need 'libelf with its headers' libelf-dev links libelf.h -lelf
	need 'zlib with its headers' zlib1g-dev links zlib.h -lz
	need pkg-config pkg-config has pkg-config
	need abidw abigail-tools has abidw
	need mandoc mandoc has mandoc
	need man man-db has man
	need xz xz-utils has xz
	need cmake cmake has cmake
	need meson meson has meson
	need lld lld has ld.lld
	need musl-gcc musl-tools has musl-gcc
	need setcap libcap2-bin has setcap
	need setpriv util-linux has setpriv
	need 'apt-get and dpkg-deb' 'apt dpkg' has dpkg-deb
	need "the keys of Debian's archive" debian-archive-keyring test -r /usr/share/keyrings/debian-archive-keyring.gpg
	need shellcheck shellcheck has shellcheck
	need git git has git
	need valgrind valgrind has valgrind
	need tmux tmux has tmux
	need "the address sanitizer's run-time library" gcc links stdio.h -fsanitize=address
	need "the thread sanitizer's run-time library" gcc links stdio.h -fsanitize=thread
	need setarch util-linux has setarch
	need python3 python3 has python3
	need libclang libclang-dev finds_libclang
	need 'clippy, e.g. by "rustup component add clippy"' "$clippy_package" cargo clippy --version
	need 'rustfmt, e.g. by "rustup component add rustfmt"' "$rustfmt_package" cargo fmt --version
}

# Debian 12 has the newer Rust under another name.
choose_rust_packages() {
	rust_packages='' clippy_package='' rustfmt_package=''
	has apt-cache >/dev/null || return 0
	if has cargo >/dev/null && ! dpkg -S "$(command -v cargo)" >/dev/null 2>&1; then
		return # cargo is not from the distribution: rustup or the like brings the rest
	fi
	for names in 'cargo rustc rust-clippy rustfmt' 'cargo-web rustc-web rust-web-clippy rustfmt-web'; do
		# shellcheck disable=SC2086 # one word each
		set -- $names
		candidate=$(apt-cache policy "$1" | sed -n 's/^  Candidate: //p')
		if dpkg --compare-versions "${candidate:-0}" ge "$rust"; then
			rust_packages="$1 $2" clippy_package=$3 rustfmt_package=$4
			return
		fi
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		echo "setup: with sudo: $*"
		sudo "$@"
	fi
}

choose_rust_packages
find_missing
[ -n "$missing" ] || exit 0

if has apt-get >/dev/null && { [ "$(id -u)" = 0 ] || has sudo >/dev/null; }; then
	echo "setup: missing:$missing"
	as_root apt-get update
	choose_rust_packages
	find_missing
	if [ -n "$packages" ]; then
		# Another one may be at work: a machine that is new installs things by itself.
		# shellcheck disable=SC2086 # one word each
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
			-o DPkg::Lock::Timeout=300 $packages
	fi
	find_missing
fi
if [ -n "$missing" ]; then
	echo "setup: please install:$missing" >&2
	exit 1
fi
