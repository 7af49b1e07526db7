#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# install.sh check|install|install-front|uninstall
#
# From the environment: SOURCE (the project), BUILD (what packaging/link.sh has made), VERSION, PREFIX, LIBDIR,
# INCLUDEDIR, MANDIR, PKGCONFIGDIR, CMAKEDIR, DESTDIR, INSTALL. Installs all or nothing.
set -eu

major=${VERSION%%.*}
staged= # what is written for this installation

fail() {
	echo "rbshim: $*" >&2
	exit 1
}

# The path from one absolute directory to another, neither of which need exist.
relative() {
	from=${1%/}/ to=${2%/}/ up=
	while [ "${to#"$from"}" = "$to" ]; do
		from=${from%/}
		from=${from%/*}/
		up=../$up
	done
	path=$up${to#"$from"}
	echo "${path%/}"
}

fill_in() {
	sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@LIBDIR@|$LIBDIR|g" -e "s|@INCLUDEDIR@|$INCLUDEDIR|g" \
		-e "s|@VERSION@|$VERSION|g" -e "s|@MAJOR@|$major|g" \
		-e "s|@LIBDIR_FROM_CMAKEDIR@|$(relative "$CMAKEDIR" "$LIBDIR")|g" \
		-e "s|@INCLUDEDIR_FROM_CMAKEDIR@|$(relative "$CMAKEDIR" "$INCLUDEDIR")|g" \
		-e "s|@POINTER_BYTES@|$pointer_bytes|g" "$1"
}

# "MODE FILE DESTINATION" of each regular file.
files() {
	echo "755 $BUILD/librbshim.so.$VERSION $LIBDIR/librbshim.so.$VERSION"
	echo "644 $BUILD/librbshim.a $LIBDIR/librbshim.a"
	echo "644 $SOURCE/include/rbshim.h $INCLUDEDIR/rbshim.h"
	echo "644 $staged/rbshim.pc $PKGCONFIGDIR/rbshim.pc"
	for name in rbshim-config.cmake rbshim-config-version.cmake; do
		echo "644 $staged/$name $CMAKEDIR/$name"
	done
	for page in "$SOURCE"/man/*.[37]; do
		echo "644 $page $MANDIR/man${page##*.}/${page##*/}"
	done
}

# "TARGET LINK" of each link.
links() {
	echo "librbshim.so.$VERSION $LIBDIR/librbshim.so.$major"
	echo "librbshim.so.$major $LIBDIR/librbshim.so"
}

# The front, in a folder of its own: docs/dlopen.md. Wazuh opens the shorter name.
front() {
	directory=$LIBDIR/rbshim
	printf '%s\n' "$directory/libbpf.so.1" "$directory/libbpf.so"
}

put_front() {
	mkdir -p "${DESTDIR:-}$LIBDIR/rbshim"
	$INSTALL -m 755 "$BUILD/front/libbpf.so.1" "${DESTDIR:-}$LIBDIR/rbshim/libbpf.so.1"
	ln -sf libbpf.so.1 "${DESTDIR:-}$LIBDIR/rbshim/libbpf.so"
}

destinations() {
	files | cut -d ' ' -f 3
	links | cut -d ' ' -f 2
}

# Fails if one of the directories cannot be written to; makes none.
check() {
	for directory in "$PREFIX" "$LIBDIR" "$INCLUDEDIR" "$MANDIR" "$PKGCONFIGDIR" "$CMAKEDIR"; do
		case $directory in
		*[[:space:]]*) fail "a directory with spaces in its name is not supported: $directory" ;;
		/*) ;;
		*) fail "not an absolute path: $directory" ;;
		esac
	done
	destinations | while read -r file; do
		directory=${DESTDIR:-}${file%/*}
		while [ ! -e "$directory" ] && [ -n "$directory" ]; do
			directory=${directory%/*}
		done
		# Trying is the only test that is right for root and for read-only file systems.
		probe=$(mktemp "${directory:-.}/.rbshim.XXXXXX" 2>/dev/null) ||
			fail "cannot write to ${directory:-.}; PREFIX, LIBDIR or DESTDIR say where to install"
		rm -f "$probe"
	done
}

remove() {
	{
		destinations
		front
	} | while read -r file; do
		rm -f "${DESTDIR:-}$file"
	done
	rmdir "${DESTDIR:-}$CMAKEDIR" "${DESTDIR:-}$LIBDIR/rbshim" 2>/dev/null || :
}

put() {
	pointer_bytes=$((4 * $(od -A n -t u1 -j 4 -N 1 "$BUILD/librbshim.so.$VERSION")))
	staged=$(mktemp -d "$BUILD/.staged.XXXXXX")
	trap 'rm -rf "$staged"' EXIT
	fill_in "$SOURCE/packaging/rbshim.pc.in" >"$staged/rbshim.pc"
	for name in rbshim-config.cmake rbshim-config-version.cmake; do
		fill_in "$SOURCE/packaging/cmake/$name.in" >"$staged/$name"
	done
	destinations | while read -r file; do
		mkdir -p "${DESTDIR:-}${file%/*}"
	done
	files | while read -r mode file destination; do
		$INSTALL -m "$mode" "$file" "${DESTDIR:-}$destination"
	done
	links | while read -r target link; do
		ln -sf "$target" "${DESTDIR:-}$link"
	done
}

case ${1:-} in
check) check ;;
put) put ;;
install-front)
	check
	put_front
	;;
install)
	check
	# A process of its own, so that it ends with the first thing that fails.
	"$0" put || {
		remove
		fail 'not installed; what was there already is removed again'
	}
	;;
uninstall) remove ;;
*) fail 'usage: install.sh check|install|install-front|uninstall' ;;
esac
