#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# The shell scripts and recipes of packaging/, debian/ and scripts/, by shellcheck.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" scripts "$top/packaging" "$top/debian" "$top/scripts"
in_root "$tools" builder sh -euc '
	cd scripts
	find . -name "*.sh" -o -name APKBUILD -o -name PKGBUILD -o -name "*.initd" \
		-o -path "./debian/tests/*" ! -name control >files
	xargs shellcheck --external-sources --source-path=SCRIPTDIR <files
	wc -l files'
