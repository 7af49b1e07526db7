#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# describe.sh HEADER OUTPUT
#
# Writes the ABI that a C program sees, for abidiff: the header's functions with their types. The library's own
# debug information would also name the Rust types that opaque pointers point to, which no program can see.
set -eu

header=$1 output=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v abidw >/dev/null || { echo 'rbshim: abidw is needed (libabigail; Debian: abigail-tools)' >&2; exit 1; }

# Each prototype, with a body.
{
	echo '#include "rbshim.h"'
	awk '/^[a-z].*\(/ { inside = 1 }
		inside { ended = sub(/;$/, " { __builtin_trap(); }"); print }
		ended { inside = ended = 0 }' "$header"
} >"$work/rbshim.c"
cp "$header" "$work/rbshim.h"
(cd "$work" && ${CC:-cc} -g -shared -fPIC -Wl,-soname,librbshim.so.1 -o librbshim.so rbshim.c)
abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-architecture --no-elf-needed \
	--out-file "$output" "$work/librbshim.so"
