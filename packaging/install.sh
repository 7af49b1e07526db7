#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# install.sh install|install-front|install-tool|uninstall
#
# From the environment: SOURCE (the project), BUILD (what packaging/link.sh has made), VERSION, PREFIX, LIBDIR,
# INCLUDEDIR, MANDIR, PKGCONFIGDIR, CMAKEDIR, DESTDIR, INSTALL; for the tool also TOOL (where cargo has made it), BINDIR,
# DATADIR, UNITDIR. Installs all or nothing: what was installed before stays until everything is there.
set -eu
umask 022

major=${VERSION%%.*}
staged= # what is written for this installation

fail() {
	echo "rbshim: $*" >&2
	exit 1
}

# A path without slashes that mean nothing.
plain() {
	echo "$1" | sed -e 's|//*|/|g' -e 's|\(.\)/$|\1|'
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

# "MODE FILE DESTINATION" of each file, "link TARGET DESTINATION" of each link.
files() {
	echo "755 $BUILD/librbshim.so.$VERSION $LIBDIR/librbshim.so.$VERSION"
	echo "link librbshim.so.$VERSION $LIBDIR/librbshim.so.$major"
	echo "link librbshim.so.$major $LIBDIR/librbshim.so"
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

# The same of the front, in a folder of its own: docs/dlopen.md. Wazuh opens the shorter name.
front() {
	echo "755 $BUILD/front/libbpf.so.1 $LIBDIR/rbshim/libbpf.so.1"
	echo "link libbpf.so.1 $LIBDIR/rbshim/libbpf.so"
}

# The same of the tool: docs/operators.md.
tool() {
	echo "755 $TOOL/rbshim $BINDIR/rbshim"
	for page in "$SOURCE"/tool/man/*.1; do
		echo "644 $page $MANDIR/man1/${page##*/}"
	done
	completions=$SOURCE/tool/completions
	echo "644 $completions/rbshim.bash $DATADIR/bash-completion/completions/rbshim"
	echo "644 $completions/_rbshim $DATADIR/zsh/site-functions/_rbshim"
	echo "644 $completions/rbshim.fish $DATADIR/fish/vendor_completions.d/rbshim.fish"
	echo "644 $staged/rbshim-watch.service $UNITDIR/rbshim-watch.service"
}

# Fails if something is named in a way that is not supported.
check_names() {
	for path in "$PREFIX" "$LIBDIR" "$INCLUDEDIR" "$MANDIR" "$PKGCONFIGDIR" "$CMAKEDIR" "$BINDIR" "$DATADIR" "$UNITDIR"; do
		case $path/ in
		*/./* | */../*) fail "a path with . or .. is not supported: $path" ;;
		/*) ;;
		*) fail "not an absolute path: $path" ;;
		esac
	done
	for path in "$SOURCE" "$BUILD" "$PREFIX" "$LIBDIR" "$INCLUDEDIR" "$MANDIR" "$PKGCONFIGDIR" "$CMAKEDIR" \
		"$TOOL" "$BINDIR" "$DATADIR" "$UNITDIR"; do
		case $path in
		*[[:space:]]*) fail "a path with spaces is not supported: $path" ;;
		esac
	done
}

# Fails if one of the directories of these files cannot be written to; makes none.
check_writable() {
	while read -r file; do
		directory=$DESTDIR${file%/*}
		while [ ! -e "$directory" ] && [ -n "$directory" ]; do
			directory=${directory%/*}
		done
		# Trying is the only test that is right for root and for read-only file systems.
		probe=$(mktemp "${directory:-/}/.rbshim.XXXXXX" 2>/dev/null) ||
			fail "cannot write to ${directory:-/}; PREFIX, LIBDIR or DESTDIR say where to install"
		rm -f "$probe"
	done
}

# First each new file is written beside the old one; only then all are renamed, in one go.
put() {
	while read -r mode from destination; do
		mkdir -p "$DESTDIR${destination%/*}"
		if [ "$mode" = link ]; then
			ln -sf "$from" "$DESTDIR$destination$new"
		else
			$INSTALL -m "$mode" "$from" "$DESTDIR$destination$new"
		fi
	done <"$staged/list"
	while read -r _ _ destination; do
		mv -f "$DESTDIR$destination$new" "$DESTDIR$destination"
	done <"$staged/list"
}

# Whatever ends the script.
clean_up() {
	status=$?
	[ $status = 0 ] || echo 'rbshim: not installed' >&2
	while read -r _ _ destination; do
		rm -f "$DESTDIR$destination$new"
	done <"$staged/list"
	rm -rf "$staged"
}

stage() {
	staged=$(mktemp -d)
	new=.new-$$
	: >"$staged/list"
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
}

fill_templates() {
	pointer_bytes=$((4 * $(od -A n -t u1 -j 4 -N 1 "$BUILD/librbshim.so.$VERSION")))
	fill_in "$SOURCE/packaging/rbshim.pc.in" >"$staged/rbshim.pc"
	for name in rbshim-config.cmake rbshim-config-version.cmake; do
		fill_in "$SOURCE/packaging/cmake/$name.in" >"$staged/$name"
	done
}

remove() {
	{
		files
		front
		tool
	} | while read -r _ _ destination; do
		rm -f "$DESTDIR$destination"
	done
	rmdir "$DESTDIR$CMAKEDIR" 2>/dev/null || :
	rmdir "$DESTDIR$LIBDIR/rbshim" 2>/dev/null || :
}

case ${DESTDIR:=} in
'' | /*) DESTDIR=${DESTDIR%/} ;;
*) DESTDIR=$PWD/${DESTDIR%/} ;;
esac
: "${TOOL:=$BUILD}" "${BINDIR:=$PREFIX/bin}" "${DATADIR:=$PREFIX/share}" "${UNITDIR:=$PREFIX/lib/systemd/system}"
check_names
PREFIX=$(plain "$PREFIX") LIBDIR=$(plain "$LIBDIR") INCLUDEDIR=$(plain "$INCLUDEDIR")
MANDIR=$(plain "$MANDIR") PKGCONFIGDIR=$(plain "$PKGCONFIGDIR") CMAKEDIR=$(plain "$CMAKEDIR")

case ${1:-} in
install)
	files | cut -d ' ' -f 3 | check_writable
	stage
	fill_templates
	files >"$staged/list"
	put
	;;
install-front)
	front | cut -d ' ' -f 3 | check_writable
	stage
	front >"$staged/list"
	put
	;;
install-tool)
	tool | cut -d ' ' -f 3 | check_writable
	stage
	sed -e "s|@BINDIR@|$BINDIR|g" "$SOURCE/tool/systemd/rbshim-watch.service.in" >"$staged/rbshim-watch.service"
	tool >"$staged/list"
	put
	;;
uninstall) remove ;;
*) fail 'usage: install.sh install|install-front|install-tool|uninstall' ;;
esac
