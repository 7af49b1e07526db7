# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh disable=SC2034 # used by those who read this
#
# For the scripts of this folder, which run.sh starts with CHECK (its working folder) and TARBALL set.
# A root is a folder with a Debian system in it.

top=$(cd "$(dirname "$0")/../.." && pwd)
roots=$CHECK/roots
tools=$roots/tools
version=${TARBALL##*/rbshim-}
version=${version%.tar.xz}

fail() {
	echo "package-check: $*" >&2
	exit 1
}

# in_root ROOT USER COMMAND...: in the root's /work, with mounts and processes of its own, which end with it, and
# without a network unless ONLINE is set.
in_root() {
	in_root=$1 user=$2
	shift 2
	mkdir -p "$in_root/work"
	set -- --mount --pid --fork --kill-child -- sh -euc '
		root=$1 user=$2
		shift 2
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		mount -t sysfs sysfs "$root/sys"
		mount -t tmpfs tmpfs "$root/tmp"
		exec chroot --userspec="$user" "$root" env --chdir=/work -i LANG=C.UTF-8 HOME=/work \
			DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$in_root" "$user" "$@"
	[ -n "${ONLINE:-}" ] || set -- --net "$@"
	unshare "$@"
}

# workplace ROOT NAME FILE...: /work/NAME in the root, the ordinary user's, with nothing but copies of these.
workplace() {
	workplace=$1/work/$2
	shift 2
	rm -rf "$workplace"
	mkdir -p "$workplace"
	[ $# = 0 ] || cp -a "$@" "$workplace"
	chown -R 1000:1000 "$workplace"
}

# unpack FOLDER: the tarball's tree.
unpack() {
	mkdir -p "$1"
	tar x -C "$1" --strip-components=1 -f "$TARBALL"
}

# From the paths of an installation, one a line, what must be the same in all of them. Packages have their own places
# for the libraries and for documents, and compress manual pages.
what_is_installed() {
	sed -E -e 's,^\.?/,,' -e '\,^usr/share/(doc|licenses)/,d' -e 's,^usr/lib(64|/[^/]*-linux-gnu[^/]*)/,usr/lib/,' \
		-e '\,^usr/share/man/,s,\.gz$,,' | sort
}

# Compares the paths on standard input with what `make install` installs.
same_as_make_install() {
	what_is_installed >"$CHECK/files.new"
	diff -u --label 'make install' --label "$1" "$CHECK/files" "$CHECK/files.new" ||
		fail "$1: other files than those of make install"
	echo "$1: the same $(wc -l <"$CHECK/files") files as make install"
}
