#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# libraries.sh CC ROOT FOLDER...: copies to ROOT/lib the shared libraries that the programs of ROOT need, and what these
# need, and the program that loads them. They are looked for in the folders, and then where the compiler has its own.
set -eu

cc=$1 root=$2
shift 2
mkdir -p "$root/lib"

find_library() {
	for folder; do
		if [ -e "$folder/$name" ]; then
			echo "$folder/$name"
			return
		fi
	done
	$cc -print-file-name="$name"
}

needed_by() {
	readelf -d "$@" 2>/dev/null | sed -n 's/^.*(NEEDED).*\[\(.*\)\]$/\1/p' | sort -u
}

# Nobody names libgcc_s, which the C library loads for a thread that ends itself.
todo="$(needed_by "$root"/programs/*/*) librbshim.so.1 libgcc_s.so.1"
done=' '
while [ -n "$todo" ]; do
	next=
	for name in $todo; do
		case $done in *" $name "*) continue ;; esac
		done="$done$name "
		file=$(find_library "$@")
		[ -e "$file" ] || {
			echo "libraries.sh: $name is not there" >&2
			exit 1
		}
		cp -L "$file" "$root/lib/$name"
		next="$next $(needed_by "$file")"
	done
	todo=${next# }
done

# The loader is looked for under its whole path.
set -- "$root"/programs/stock/*
loader=$(readelf -l "$1" | sed -n 's/^.*interpreter: \(.*\)\]$/\1/p')
name=${loader##*/}
if [ "$loader" != "/lib/$name" ]; then
	mkdir -p "$root${loader%/*}"
	cp -L "$($cc -print-file-name="$name")" "$root$loader"
else
	cp -L "$($cc -print-file-name="$name")" "$root/lib/$name"
fi
