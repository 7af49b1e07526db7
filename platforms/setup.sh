#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# setup.sh ARCHITECTURE...: installs on Debian and Ubuntu what guests of these architectures, and builds for them, need
# and this machine lacks. Elsewhere it says what is missing, and fails.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

# need COMMAND PACKAGE
need() {
	command -v "$1" >/dev/null && return
	missing="$missing $1" packages="$packages $2"
}

find_missing() {
	missing='' packages=''
	need cpio cpio
	need apt-get apt
	need dpkg-deb dpkg
	need python3 python3
	for architecture; do
		# shellcheck source=platforms/architecture.sh
		. "$here/architecture.sh"
		need "qemu-system-$qemu" "$qemu_package"
		if [ "$(cc -print-multiarch)" != "$triplet" ]; then
			# Debian's names of packages have no underscores.
			need "$triplet-gcc" "gcc-$triplet"
			need "$triplet-g++" "g++-$triplet"
		fi
	done
}

find_missing "$@"
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo "platforms: missing:$missing"
	apt-get --quiet=2 update
	# Another one may be at work.
	# shellcheck disable=SC2086 # one word each
	DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --yes --no-install-recommends -o DPkg::Lock::Timeout=300 \
		install $packages
	find_missing "$@"
fi
if [ -n "$missing" ]; then
	echo "platforms: please install:$missing" >&2
	exit 1
fi
