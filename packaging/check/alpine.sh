#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# APKBUILD: its functions, run by busybox's shell as abuild would. Not checked here: abuild itself, its splitting into
# subpackages, OpenRC, and musl.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" alpine "$top/packaging/alpine/APKBUILD"
new_sources "$TARBALL" "$tool_tarball"
recipe busybox ash -euc '
	srcdir=$BUILD pkgdir=/work/alpine/pkg
	default_prepare() { :; }
	. alpine/APKBUILD
	[ "$pkgver" = "$1" ]
	builddir=$srcdir/$pkgname-$pkgver
	for step in prepare build check package; do
		cd "$builddir"
		"$step"
	done' sh "$version"
# OpenRC's script is there in the place of systemd's unit.
(cd "$workplace/pkg" && find . ! -type d) |
	sed 's,etc/init.d/rbshim-watch$,usr/lib/systemd/system/rbshim-watch.service,' | same_as_make_install 'Alpine package'
