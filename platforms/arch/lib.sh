# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh disable=SC2034 # used by those who read this
#
# For the scripts of this folder. They work in the root `cross`: a Debian 13 with compilers for other architectures. In
# its /work are
#   rbshim    the project
#   tests     the project without the model, and without the crates that the tests chosen here do not use
#   vendor    the crates
#   target    what cargo makes

top=$(cd "$(dirname "$0")/../.." && pwd)
CHECK=$(realpath -m "${CARGO_TARGET_DIR:-$top/target}/arch-check")
roots=${CHECK%/*}/roots
cross=$roots/cross

# shellcheck source=../../scripts/debian-roots.sh
. "$top/scripts/debian-roots.sh"

all_architectures='aarch64 ppc64le s390x i686 armhf riscv64'

fail() {
	echo "arch-check: $*" >&2
	exit 1
}

# architecture NAME: what Debian, rustc, gcc and qemu call it, how many bytes its pages have with Linux, and how many
# bits its addresses.
architecture() {
	arch=$1 pages=4096 bits=64
	case $arch in
	aarch64) debian=arm64 rust=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu qemu=aarch64 ;;
	ppc64le) debian=ppc64el rust=powerpc64le-unknown-linux-gnu gnu=powerpc64le-linux-gnu qemu=ppc64le ;;
	s390x) debian=s390x rust=s390x-unknown-linux-gnu gnu=s390x-linux-gnu qemu=s390x ;;
	i686) debian=i386 rust=i686-unknown-linux-gnu gnu=i686-linux-gnu qemu=i386 ;;
	armhf) debian=armhf rust=armv7-unknown-linux-gnueabihf gnu=arm-linux-gnueabihf qemu=arm ;;
	riscv64) debian=riscv64 rust=riscv64gc-unknown-linux-gnu gnu=riscv64-linux-gnu qemu=riscv64 ;;
	*) fail "no architecture $arch; there are $all_architectures" ;;
	esac
	case $arch in aarch64 | ppc64le) pages='4096 65536' ;; esac
	case $arch in i686 | armhf) bits=32 ;; esac
	# What the library needs. The unwinding tables of Arm name functions of libgcc.
	needed='libc\.so\.6'
	[ "$arch" != armhf ] || needed='libc\.so\.6\|libgcc_s\.so\.1'
	package=/work/target/$rust/package
	# qemu-user with the libraries of the architecture.
	emulator="/opt/qemu/usr/bin/qemu-$qemu-static -L /usr/$gnu"
}

# on_target FOLDER COMMAND...: in the root, in this folder of /work, as an ordinary user, set to build for the
# architecture with the crates that are there.
on_target() {
	folder=$1
	shift
	in_root "$cross" builder env --chdir="/work/$folder" CARGO_HOME=/work/cargo CARGO_TARGET_DIR=/work/target \
		CARGO_NET_OFFLINE=true CARGO_BUILD_TARGET="$rust" CC="$gnu-gcc" HOST_CC=gcc "$@"
}
