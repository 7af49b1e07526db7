#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# debian.sh build|build-next|lint|files
#
# The Debian packages of the tarballs and, as an upgrade of them, of the same sources under the next version. Built by
# an ordinary user, in a root with the build dependencies only, without a network. They are left in $CHECK/debian.
set -eu
. "$(dirname "$0")/lib.sh"

root=$roots/build
tree=$root/work/debian/rbshim
packages=$CHECK/debian

# The sources as a packager has them: the tarballs' and debian/.
prepare() {
	workplace "$root" debian
	unpack "$tree"
	rm -rf "$tree/debian"
	cp -a "$top/debian" "$tree"
}

# build DESTINATION OPTIONS...
build() {
	destination=$1
	shift
	chown -R 1000:1000 "$root/work/debian"
	in_root "$root" builder sh -euc 'cd debian/rbshim && dpkg-buildpackage -us -uc "$@"' sh "$@"
	rm -rf "$destination"
	mkdir -p "$destination"
	find "$root/work/debian" -maxdepth 1 -type f -exec cp -t "$destination" {} +
	ls "$destination"
}

# x.y.z becomes x.y.(z+1).
make_next() {
	next=${version%.*}.$((${version##*.} + 1))
	for crate in . tool; do
		sed -i "/^name = \"rbshim\(-tool\)\?\"/,/^version/ s/^version = .*/version = \"$next\"/" \
			"$tree/$crate/Cargo.toml" "$tree/$crate/Cargo.lock"
	done
	sed -i "1s/($version-/($next-/" "$tree/debian/changelog"
}

# The copyright file names every crate.
crates_are_named() {
	for crate in "$tree"/vendor/* "$tree"/tool/vendor/*; do
		crate=${crate#"$tree/"}
		grep -q "^\(Files:\)\?.* $crate/\*" "$top/debian/copyright" || fail "debian/copyright does not name $crate"
	done
}

case ${1:-} in
build)
	prepare
	crates_are_named
	cp "$TARBALL" "$root/work/debian/rbshim_$version.orig.tar.xz"
	cp "$tool_tarball" "$root/work/debian/rbshim_$version.orig-tool.tar.xz"
	build "$packages/this" --build=full
	;;
build-next)
	# The tool's crates are the same, at the same place and with the same flags, so cargo need not compile them again.
	rm -rf "$root/work/crates"
	mv "$tree/target/tool" "$root/work/crates"
	prepare
	make_next
	mkdir "$tree/target"
	mv "$root/work/crates" "$tree/target/tool"
	build "$packages/next" --build=binary --no-pre-clean
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
