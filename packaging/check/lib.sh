# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh disable=SC2034 # used by those who read this
#
# For the scripts of this folder, which run.sh starts with CHECK (its working folder) and TARBALL set.

top=$(cd "$(dirname "$0")/../.." && pwd)
# Beside $CHECK, since not all of the roots are for packages.
roots=${CHECK%/*}/roots
tools=$roots/tools
version=${TARBALL##*/rbshim-}
version=${version%.tar.xz}
tool_tarball=${TARBALL%/*}/rbshim-tool-$version.tar.xz

fail() {
	echo "package-check: $*" >&2
	exit 1
}

# shellcheck source=../../scripts/debian-roots.sh
. "$top/scripts/debian-roots.sh"

# workplace ROOT NAME FILE...: /work/NAME in the root, the ordinary user's, with nothing but copies of these.
workplace() {
	workplace=$1/work/$2
	shift 2
	rm -rf "$workplace"
	mkdir -p "$workplace"
	[ $# = 0 ] || cp -a "$@" "$workplace"
	chown -R 1000:1000 "$workplace"
}

# recipe COMMAND...: the ordinary user's, in the root of tools, which unpacks the tarballs to $sources and builds them
# there. Cargo compares paths and flags. So recipes without compiler flags of their own, one after the other, compile the
# crates of the tool once. The tool itself is compiled by each.
sources=/work/build/rbshim/src
recipe() {
	rm -rf "$tools"/work/crates/release/rbshim "$tools"/work/crates/release/.fingerprint/rbshim-tool-*
	mkdir -p "$tools/work/crates"
	chown 1000:1000 "$tools/work/crates"
	in_root "$tools" builder env MAKEFLAGS=TOOL=/work/crates BUILD="$sources" "$@"
}

# new_sources [TARBALL...]: $sources, with nothing but these unpacked.
new_sources() {
	rm -rf "$tools/work/build"
	mkdir -p "$tools$sources"
	for packed; do
		tar x -C "$tools$sources" -f "$packed"
	done
	chown -R 1000:1000 "$tools/work/build"
}

# unpack FOLDER: the library's tarball, and the tool's in tool/ of it.
unpack() {
	mkdir -p "$1/tool"
	tar x -C "$1" --strip-components=1 -f "$TARBALL"
	tar x -C "$1/tool" --strip-components=1 -f "$tool_tarball"
}

# try_tool FOLDER: the tool that is installed there, below the /work of the root of tools, with the library beside it.
try_tool() {
	workplace "$tools" try
	unpack "$workplace/rbshim"
	in_root "$tools" builder sh -euc '
		PATH=/work/$1/usr/bin:$PATH
		[ "$(command -v rbshim)" = "/work/$1/usr/bin/rbshim" ]
		try/rbshim/packaging/check/tool.sh
		cmp "$1/usr/lib/systemd/system/rbshim-watch.service" \
			make/installed/usr/lib/systemd/system/rbshim-watch.service' sh "$1"
}

# From the paths of an installation, one a line, what must be the same in all of them. Packages have their own places
# for the libraries, for documents and for zsh's completions, and compress manual pages.
what_is_installed() {
	sed -E -e 's,^\.?/,,' -e '\,^usr/share/(doc|licenses)/,d' -e 's,^usr/lib(64|/[^/]*-linux-gnu[^/]*)/,usr/lib/,' \
		-e 's,^usr/share/zsh/vendor-completions/,usr/share/zsh/site-functions/,' \
		-e '\,^usr/share/man/,s,\.gz$,,' | sort
}

# Compares the paths on standard input with what `make install` installs.
same_as_make_install() {
	what_is_installed >"$CHECK/files.new"
	diff -u --label 'make install' --label "$1" "$CHECK/files" "$CHECK/files.new" ||
		fail "$1: other files than those of make install"
	echo "$1: the same $(wc -l <"$CHECK/files") files as make install"
}
