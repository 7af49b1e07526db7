#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# make install and make uninstall of the tarballs, without packaging. Leaves the list of files in $CHECK/files, and the
# files in /work/make/installed of the root of tools.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" make
new_sources "$TARBALL" "$tool_tarball"
recipe sh -euc '
	cd "$BUILD/rbshim-$1"
	ln -s "../rbshim-tool-$1" tool
	make build tool CARGOFLAGS=--offline
	make install install-front install-tool CARGOFLAGS=--offline DESTDIR=/work/make/root PREFIX=/usr
	cp -a /work/make/root /work/make/installed
	(cd /work/make/root && find . ! -type d) >/work/make/files
	make uninstall DESTDIR=/work/make/root PREFIX=/usr
	left=$(find /work/make/root ! -type d)
	[ -z "$left" ] || { echo "make uninstall leaves $left"; exit 1; }' sh "$version"
what_is_installed <"$workplace/files" >"$CHECK/files"
cat "$CHECK/files"
