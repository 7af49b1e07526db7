#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# debian.sh build|build-next|lint|files
#
# The Debian packages of the tarball and, as an upgrade of them, of the same sources under the next version. Built by
# an ordinary user, in a root with the build dependencies only, without a network. They are left in $CHECK/debian.
set -eu
. "$(dirname "$0")/lib.sh"

root=$roots/build
tree=$root/work/debian/rbshim
packages=$CHECK/debian

# The sources as a packager has them: the tarball's and debian/.
prepare() {
	workplace "$root" debian
	unpack "$tree"
	rm -rf "$tree/debian"
	cp -a "$top/debian" "$tree"
}

# build WHAT DESTINATION
build() {
	chown -R 1000:1000 "$root/work/debian"
	in_root "$root" builder sh -euc 'cd debian/rbshim && dpkg-buildpackage -us -uc "--build=$1"' sh "$1"
	rm -rf "$2"
	mkdir -p "$2"
	find "$root/work/debian" -maxdepth 1 -type f -exec cp -t "$2" {} +
	ls "$2"
}

# x.y.z becomes x.y.(z+1).
make_next() {
	next=${version%.*}.$((${version##*.} + 1))
	sed -i "/^name = \"rbshim\"/,/^version/ s/^version = .*/version = \"$next\"/" "$tree/Cargo.toml" "$tree/Cargo.lock"
	sed -i "1s/($version-/($next-/" "$tree/debian/changelog"
}

# The copyright file names every crate.
crates_are_named() {
	for crate in "$tree"/vendor/*; do
		crate=${crate##*/}
		grep -q "^Files:.*[ ,]vendor/$crate/\*" "$top/debian/copyright" || fail "debian/copyright does not name vendor/$crate"
	done
}

case ${1:-} in
build)
	prepare
	crates_are_named
	cp "$TARBALL" "$root/work/debian/rbshim_$version.orig.tar.xz"
	build full "$packages/this"
	;;
build-next)
	prepare
	make_next
	build binary "$packages/next"
	;;
lint)
	workplace "$tools" lint "$packages/this"/*
	# All that lintian says is shown; errors and warnings fail. One tag is suppressed: a first upload should close
	# the bug in which somebody asked Debian for the package, and nobody has asked.
	in_root "$tools" builder sh -euc 'cd lint && lintian -EvIL +pedantic --fail-on error,warning \
		--suppress-tags initial-upload-closes-no-bugs rbshim_*.changes'
	;;
files)
	for deb in "$packages/this"/*.deb; do
		echo "${deb##*/}:"
		dpkg-deb --fsys-tarfile "$deb" | tar t | grep -v '/$' | sed 's/^\./ /'
	done
	for deb in "$packages/this"/*.deb; do
		case $deb in
		*-dbgsym_*) ;;
		*) dpkg-deb --fsys-tarfile "$deb" | tar t | grep -v '/$' ;;
		esac
	done | same_as_make_install 'Debian packages'
	;;
*) fail 'usage: debian.sh build|build-next|lint|files' ;;
esac
