#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Builds the front: a library that calls itself libbpf.so.1, holds rbshim's functions under libbpf's
# symbol versions, and needs the real libbpf for all the others. See docs/dlopen.md.
#
# build.sh ARCHIVE REAL_LIBBPF OUTPUT [RUN_TIME_PATH]
#   ARCHIVE        rbshim's static library
#   REAL_LIBBPF    the libbpf.so.1 that the front is for: its symbol versions are read
#   OUTPUT         the front
#   RUN_TIME_PATH  where REAL_LIBBPF will be found, if elsewhere
# Uses CC, CFLAGS, LDFLAGS, NM and READELF.
set -eu
export LC_ALL=C
unset CDPATH
: "${CC:=cc}" "${CFLAGS:=}" "${LDFLAGS:=}"
# Of the same target as the compiler.
: "${NM:=$($CC -print-prog-name=nm)}" "${READELF:=$($CC -print-prog-name=readelf)}"
own_version=RBSHIM_1

fail() {
	echo "front: $*" >&2
	exit 1
}

# The real library needs an absolute path: by its name the loader would find the front, which has the same name.
check_arguments() {
	[ -f "$archive" ] || fail "$archive: no such archive"
	[ "${at_run_time#/}" != "$at_run_time" ] || fail "$at_run_time: not an absolute path"
	[ ! -d "$output" ] || fail "$output: is a directory"
	[ -d "$(dirname "$output")" ] || fail "$output: no such directory"
}

# functions: rbshim's API. versions: libbpf's, in its order. defined: each of its symbols with its version.
read_libraries() {
	$NM -g --defined-only "$archive" 2>&1 |
		awk '$2 == "T" && $3 ~ /^((user_)?ring_buffer|ring|rbshim_.*)__/ { print $3 }' |
		sort -u >"$work/functions"
	grep -q '^rbshim_' "$work/functions" || fail "$archive: not rbshim's static library"

	$READELF -W -d -V --dyn-syms "$real" >"$work/real" 2>&1 || :
	sed -n 's/.* Name: \(LIBBPF_[0-9.]*\)$/\1/p' "$work/real" >"$work/versions"
	sed -n 's/.* \([a-z_0-9]*\)@@*\([A-Z]*_[0-9.]*\)$/\1 \2/p' "$work/real" >"$work/defined"
	{ grep -q '(SONAME).*\[libbpf\.so\.1]$' "$work/real" && grep -q '^ring_buffer__new ' "$work/defined"; } ||
		fail "$real: not libbpf 1.x"
	! grep -q "$own_version" "$work/defined" || fail "$real: is a front itself"
}

# libbpf's versions and no others: when a program made for a newer libbpf is loaded, the dynamic linker says that
# a version is missing. Functions that this libbpf does not have get a version of our own.
write_version_script() {
	awk -v own="$own_version" '
		FILENAME ~ /functions$/ { functions[++n] = $1; version[$1] = own; next }
		FILENAME ~ /versions$/ { versions[++count] = $1; next }
		$1 in version { version[$1] = $2 }
		END {
			versions[++count] = own
			for (i = 1; i <= n; i++)
				members[version[functions[i]]] = members[version[functions[i]]] " " functions[i] ";"
			for (i = 1; i <= count; i++)
				print versions[i] " {" (versions[i] in members ? " global:" members[versions[i]] : "") \
					(versions[i] == own ? " local: *;" : "") " };"
		}
	' "$work/functions" "$work/versions" "$work/defined" >"$work/script"
}

# An empty library with the real one's path for a name is what makes the linker note that path.
# shellcheck disable=SC2046,SC2086 # CC and the flags are words
link() {
	$CC $CFLAGS $LDFLAGS -shared -nostdlib -Wl,-soname,"$at_run_time" -x c /dev/null -o "$work/named.so" &&
		$CC $CFLAGS $LDFLAGS -shared -Wl,-soname,libbpf.so.1 -Wl,--version-script,"$work/script" \
			-Wl,--gc-sections -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
			-Wl,--no-as-needed "$work/named.so" -Wl,--as-needed \
			$(sed 's/^/-Wl,-u,/' "$work/functions") "$archive" -o "$work/front.so"
}

[ $# = 3 ] || [ $# = 4 ] || fail 'usage: build.sh ARCHIVE REAL_LIBBPF OUTPUT [RUN_TIME_PATH]'
archive=$1 real=$2 output=$3
[ -f "$real" ] || fail "$real: no such library"
at_run_time=${4:-$(cd "$(dirname "$real")" && pwd)/$(basename "$real")}
check_arguments
work=$(mktemp -d)
trap 'rm -rf "$work" "$output.new"' EXIT
trap 'exit 1' HUP INT TERM
read_libraries
write_version_script
link >"$work/messages" 2>&1 || {
	cat "$work/messages" >&2
	fail "$output: could not be linked"
}
# Under a new name first: programs may have the old front mapped.
cp "$work/front.so" "$output.new"
mv -f "$output.new" "$output"
