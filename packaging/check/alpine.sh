#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# APKBUILD: its functions, run by busybox's shell as abuild would, and once more as for a 32-bit machine, where the tool
# is left out. Not checked here: abuild itself, its splitting into subpackages, OpenRC, and musl.
set -eu
. "$(dirname "$0")/lib.sh"

# package ARCHITECTURE: prints the files.
package() {
	recipe busybox ash -euc '
		CARCH=$2 srcdir=$BUILD pkgdir=/work/alpine/$2
		default_prepare() { :; }
		. alpine/APKBUILD
		[ "$pkgver" = "$1" ]
		builddir=$srcdir/$pkgname-$pkgver
		for step in prepare build check package; do
			cd "$builddir"
			"$step"
		done' sh "$version" "$1" >&2
	(cd "$workplace/$1" && find . ! -type d)
}

workplace "$tools" alpine "$top/packaging/alpine/APKBUILD"
new_sources "$TARBALL" "$tool_tarball"
# OpenRC's script is there in the place of systemd's unit.
package x86_64 | sed 's,etc/init.d/rbshim-watch$,usr/lib/systemd/system/rbshim-watch.service,' |
	same_as_make_install 'Alpine package'
{
	package armv7
	grep -E '^usr/(bin|lib/systemd|share/(bash-completion|fish|man/man1|zsh))/' "$CHECK/files"
} | same_as_make_install 'Alpine package without the tool'
