#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# link.sh ARCHIVE HEADER VERSION DIRECTORY
#
# Makes the libraries that ship from the archive that cargo has built: librbshim.a and librbshim.so.VERSION
# with its links in DIRECTORY.
#
# Both hold one object, in which the API's functions and what they reach are linked already and nothing else
# is global. So neither brings Rust's std along, or needs libgcc_s, and the archive can be linked beside
# other Rust archives. Uses CC, OBJCOPY, AR, CFLAGS, LDFLAGS; keeps debug information if KEEP_DEBUG is set.
set -eu

archive=$1 header=$2 version=$3 directory=$4
cc=${CC:-cc}
major=${version%%.*}

fail() {
	echo "rbshim: $*" >&2
	exit 1
}

tool() {
	# Of the same target as the compiler.
	$cc -print-prog-name="$1"
}
objcopy=${OBJCOPY:-$(tool objcopy)}
ar=${AR:-$(tool ar)}

for program in "$objcopy" "$ar"; do
	command -v "$program" >/dev/null || fail "$program is needed and not there"
done

functions=$(sed -n 's/^.*[ *]\([a-z0-9_]*ring[a-z0-9_]*__[a-z0-9_]*\)(.*$/\1/p' "$header" | sort -u)
[ -n "$functions" ] || fail "$header declares none of the functions"
new=$(mktemp -d "$directory/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM

# The C compiler's libgcc has what machines need that cannot divide, say, 64 bits. Rust's own such functions bring all
# of std along, since they have its exception tables.
cp "$archive" "$new/compiled.a"
"$ar" t "$new/compiled.a" | grep '^compiler_builtins-' >"$new/builtins" || fail "$archive has no compiler_builtins"
# A plugin for another LLVM than Rust's complains of bitcode that it cannot read, which nobody asks it for.
xargs "$ar" d "$new/compiled.a" <"$new/builtins" >"$new/said" 2>&1 || fail "$(cat "$new/said")"

# The linker takes those parts of the archive that the functions reach, and drops bitcode, and a constructor of std that
# keeps the program's arguments for a function that is not there. It is not told to drop sections that nothing reaches:
# next to none are left, but lld takes the exception tables for such, and GNU ld (2.44) then moves those of RISC-V and
# not their relocations.
echo 'SECTIONS { /DISCARD/ : { *(.init_array .init_array.* .llvmbc .llvmcmd) } } INSERT BEFORE .text;' >"$new/discard.ld"
set -- -r -nostdlib "-Wl,-T,$new/discard.ld"
# GNU objcopy does not read what lld makes of it.
# Groups are for a linker that meets the same function again: it would drop ours, which is ours alone by then.
[ ! -x "$(command -v "$(tool ld.bfd)")" ] || set -- "$@" -fuse-ld=bfd -Wl,--force-group-allocation
for function in $functions; do
	set -- "$@" "-Wl,-u,$function"
done
$cc "$@" -o "$new/linked.o" "$new/compiled.a"

# What is left of std is names that nothing refers to.
set -- --wildcard '--strip-unneeded-symbol=*'
[ -n "${KEEP_DEBUG:-}" ] || set -- "$@" --strip-debug
for function in $functions; do
	set -- "$@" "--keep-symbol=$function" "--keep-global-symbol=$function"
done
$objcopy "$@" "$new/linked.o" "$new/rbshim.o"

# D: no dates, no owners.
$ar rcsD "$new/librbshim.a" "$new/rbshim.o"
# shellcheck disable=SC2086 # flags are words
$cc ${CFLAGS:-} ${LDFLAGS:-} -shared -Wl,-soname,"librbshim.so.$major" -Wl,--gc-sections -Wl,--no-undefined \
	-Wl,-z,relro -o "$new/librbshim.so.$version" "$new/rbshim.o"
ln -s "librbshim.so.$version" "$new/librbshim.so.$major"
ln -s "librbshim.so.$major" "$new/librbshim.so"

# The archive last: when it is there, all are there.
for file in "librbshim.so.$version" "librbshim.so.$major" librbshim.so librbshim.a; do
	mv -f "$new/$file" "$directory/$file"
done
