#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Makes the roots, all of Debian 13, or leaves them as they are where nothing about them has changed:
#   base    what all begin with
#   build   build-essential and what debian/control asks for, nothing else
#   tools   that, and the tools of the other packages
#   clean   where the packages are used
set -eu
. "$(dirname "$0")/lib.sh"

build_root() {
	copy base build-essential
	mkdir -p "$new/work/rbshim/debian"
	cp "$top/debian/control" "$new/work/rbshim/debian"
	apt_get build-dep /work/rbshim
}

prepare_roots
made_by=$(cat "$0")
build_depends=$(sed -n '/^Build-Depends:/,/^[A-Z]/p' "$top/debian/control")

base_root
root build "$made_by $build_depends" build_root
root tools "$made_by $build_depends" copy build busybox cargo-c clang debugedit elfutils libarchive-tools libbpf-dev \
	lintian makepkg nix-bin pacman-package-manager rpm rpmlint shellcheck
root clean "$made_by" copy base cmake g++ gcc libbpf-dev libc6-dev make meson pkgconf systemd
