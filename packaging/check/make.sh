#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# make install and make uninstall of the tarball, without packaging. Leaves the list of files in $CHECK/files, and the
# files in /work/make/installed of the root of tools.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" make
unpack "$workplace/rbshim"
chown -R 1000:1000 "$workplace"
in_root "$tools" builder sh -euc '
	cd make/rbshim
	make install install-front CARGOFLAGS=--offline DESTDIR=/work/make/root PREFIX=/usr
	cp -a ../root ../installed
	(cd ../root && find . ! -type d) >../files
	make uninstall DESTDIR=/work/make/root PREFIX=/usr
	left=$(find ../root ! -type d)
	[ -z "$left" ] || { echo "make uninstall leaves $left"; exit 1; }'
what_is_installed <"$workplace/files" >"$CHECK/files"
cat "$CHECK/files"
