#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# dist.sh VERSION DIRECTORY
#
# Makes rbshim-VERSION.tar.xz with its checksum in DIRECTORY: what building, installing and packaging need,
# with the crates of the library's own build vendored and a bill of materials. The tests stay in the
# repository, since their crates are many. The same sources give the same bytes.
set -eu

version=$1 directory=$2
name=rbshim-$version
cargo=${CARGO:-cargo}

fail() {
	echo "rbshim: $*" >&2
	exit 1
}

for program in git xz python3 "$cargo"; do
	command -v "$program" >/dev/null || fail "make dist needs $program"
done
git rev-parse --is-inside-work-tree >/dev/null 2>&1 || fail 'make dist needs the git repository'
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH

mkdir -p "$directory"
new=$(mktemp -d "$directory/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
tree=$new/$name
mkdir "$tree"

# What the repository knows, as it is in the working tree, committed or not.
git ls-files -z --cached -- . \
	':!tests' ':!tool' ':!benches' ':!fuzz' ':!litmus' ':!.ci' ':!debian' ':!*.gitignore' >"$new/files"
tar c --null --files-from="$new/files" >"$new/sources" || fail 'a file of the repository is not in the working tree'
tar x -C "$tree" -f "$new/sources"

# Cargo wants to see every package that a manifest names, even those that a build does not use.
awk '
	/^\[/ { kept = $0 !~ /^\[(dev-dependencies|profile\.(dev|test).*)\]/ }
	kept && !/optional = true|"dep:/
' Cargo.toml >"$tree/Cargo.toml"
printf '\n[lints.rust]\nunexpected_cfgs = "allow" # features whose crates are not vendored\n' >>"$tree/Cargo.toml"
mkdir "$tree/.cargo"
(
	cd "$tree"
	# Drops what nothing names any more from Cargo.lock; versions stay.
	$cargo metadata --format-version 1 --quiet >/dev/null
	$cargo vendor --locked --quiet vendor >/dev/null
	printf '%s\n' '[source.crates-io]' 'replace-with = "vendored"' '[source.vendored]' 'directory = "vendor"' \
		>.cargo/config.toml
	$cargo metadata --format-version 1 --quiet --locked --offline >/dev/null
	CARGOFLAGS=--offline packaging/sbom.py >"$name.cdx.json"
) || fail 'the crates could not be vendored'

tar c --sort=name --format=posix --pax-option=delete=atime,delete=ctime --mtime="@$SOURCE_DATE_EPOCH" \
	--owner=0 --group=0 --numeric-owner --mode=u+w,go+rX,go-w -C "$new" "$name" |
	xz -9e --threads=1 >"$new/$name.tar.xz"
(cd "$new" && sha256sum "$name.tar.xz" >"$name.tar.xz.sha256")
mv -f "$new/$name.tar.xz" "$new/$name.tar.xz.sha256" "$directory"
echo "$directory/$name.tar.xz"
