#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# APKBUILD: its functions, run by busybox's shell as abuild would. Not checked here: abuild itself, its splitting into
# subpackages, and musl.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" alpine "$top/packaging/alpine/APKBUILD"
unpack "$workplace/src/rbshim-$version"
chown -R 1000:1000 "$workplace"
in_root "$tools" builder busybox ash -euc '
	srcdir=/work/alpine/src pkgdir=/work/alpine/pkg
	. alpine/APKBUILD
	[ "$pkgver" = "$1" ]
	builddir=$srcdir/$pkgname-$pkgver
	for step in build check package; do
		cd "$builddir"
		"$step"
	done' sh "$version"
(cd "$workplace/pkg" && find . ! -type d) | same_as_make_install 'Alpine package'
