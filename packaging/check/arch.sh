#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# PKGBUILD: built by makepkg, then installed and removed by pacman in a folder. Not checked here: Arch's own packages,
# makepkg.conf and namcap.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" arch "$TARBALL" "$tool_tarball" "$top/packaging/arch/PKGBUILD"
# --nodeps: what it needs is there, but as Debian packages.
new_sources
recipe sh -euc '
	cd arch
	export BUILDDIR="${BUILD%/rbshim/src}"
	makepkg --nodeps --noconfirm --log
	makepkg --printsrcinfo'
in_root "$tools" root sh -euc '
	cd arch
	mkdir -p root/var/lib/pacman
	echo "[options]" >pacman.conf
	pacman="pacman --config pacman.conf --root root --dbpath root/var/lib/pacman --cachedir root/cache --hookdir root/hooks
		--logfile log --noconfirm"
	$pacman -U --nodeps --nodeps librbshim-[0-9]*.pkg.tar.* rbshim-[0-9]*.pkg.tar.*
	$pacman -Qkk librbshim rbshim
	find root/usr ! -type d -printf "usr/%P\n" >files'
try_tool arch/root
in_root "$tools" root sh -euc '
	cd arch
	pacman="pacman --config pacman.conf --root root --dbpath root/var/lib/pacman --cachedir root/cache --hookdir root/hooks
		--logfile log --noconfirm"
	$pacman -R librbshim rbshim
	left=$(find root ! -type d ! -path "root/var/lib/pacman/*" ! -path "root/cache/*")
	[ -z "$left" ] || { echo "pacman -R leaves $left"; exit 1; }'
same_as_make_install 'Arch packages' <"$tools/work/arch/files"
