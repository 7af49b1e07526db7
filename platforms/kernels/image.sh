#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# image.sh KERNEL: downloads a kernel of the list beside this, unless it is there already, and prints the path of its
# image, which is called vmlinuz-VERSION. CACHE is where it is kept.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
kernel=$1

fail() {
	echo "image.sh: $kernel: $*" >&2
	exit 1
}

# shellcheck disable=SC2046 # three words
set -- $(awk -v kernel="$kernel" '$2 == kernel { print $3, $4, $5 }' "$here/list")
[ $# = 3 ] || fail "not in $here/list"
architecture=$1 suite=$2 pattern=$3
APT_CONFIG=$("$here/../apt.sh" "$suite" "$architecture")
export APT_CONFIG

# fetch VERSION: its image as $place/new/vmlinuz.
fetch() {
	# Where there are two packages, linux-binary has the image.
	package=$(apt-cache pkgnames linux- | grep -F -x -e "linux-image-$1" -e "linux-binary-$1" | sort | head -n 1)
	rm -rf "$place/new"
	mkdir -p "$place/new"
	(cd "$place/new" && apt-get --quiet=2 -o APT::Sandbox::User=root download "$package" >&2) || return 1
	# ppc64le has vmlinux, the others vmlinuz.
	dpkg-deb --fsys-tarfile "$place/new/$package"_*.deb | tar x -C "$place/new" --wildcards \
		'./boot/vmlinu*' './usr/lib/modules/*/vmlinu*' 2>/dev/null || : # one of the two is not there
	find "$place/new" -type f -name 'vmlinu*' -exec mv {} "$place/new/vmlinuz" \;
	[ -s "$place/new/vmlinuz" ] || fail "no image in $package"
}

versions=$(apt-cache pkgnames linux- | grep -E -x "linux-(image|binary)-$pattern" | grep -v -e -rt- -e -cloud- |
	cut -d - -f 3- | sort -r -V | uniq)
[ -n "$versions" ] || fail "$suite has none for $architecture"
place=$CACHE/images/$kernel
# A mirror that is being synchronized may name a version that it has no more.
for version in $(echo "$versions" | head -n 3); do
	image=$place/vmlinuz-$version
	[ ! -s "$image" ] || break
	if fetch "$version"; then
		mv "$place/new/vmlinuz" "$image"
		break
	fi
done
rm -rf "$place/new"
[ -s "$image" ] || fail 'could not be fetched'
echo "$image"
