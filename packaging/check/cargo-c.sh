#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# cargo cinstall: its files are make install's but for manual pages, CMake's files, the front and the tool; the names of
# the library and of what it exports are the same, and so is the header.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" cargo-c
unpack "$workplace/rbshim"
chown -R 1000:1000 "$workplace"
in_root "$tools" builder sh -euc '
	cd cargo-c/rbshim
	cargo cinstall --offline --locked --release --prefix=/usr --libdir=/usr/lib --destdir=/work/cargo-c/root
	cd ..
	(cd root && find . ! -type d) >files

	names() {
		objdump -p "$1" | grep SONAME
		nm --dynamic --defined-only --format=posix "$1" | cut -d " " -f 1-2
	}
	installed=/work/make/installed/usr
	names $installed/lib/librbshim.so.1 >make.names
	names root/usr/lib/librbshim.so.1 >cargo-c.names
	diff -u make.names cargo-c.names
	cmp $installed/include/rbshim.h root/usr/include/rbshim.h
	export PKG_CONFIG_LIBDIR=root/usr/lib/pkgconfig
	pkg-config --modversion rbshim
	pkg-config --cflags --libs --static rbshim'
{
	cat "$workplace/files"
	grep -E '^usr/(bin|share|lib/cmake|lib/rbshim|lib/systemd)/' "$CHECK/files"
} | same_as_make_install 'cargo cinstall, with those'
