#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# dist.sh VERSION DIRECTORY library|tool
#
# Makes rbshim-VERSION.tar.xz or rbshim-tool-VERSION.tar.xz with its checksum in DIRECTORY: what building, installing
# and packaging need, with the crates of its own build vendored, a bill of materials, and the licenses of what is
# linked in. Who packages the library alone has five crates to look at; the tool's, which are many, come with the second
# one, which is unpacked as tool/ of the first. The tests stay in the repository, since their crates are many too. The
# same sources give the same bytes.
set -eu

version=$1 directory=$2 what=$3
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

# sources FOLDER PATHS...: what the repository knows in this folder of it, as it is in the working tree, committed or
# not, into the tree.
sources() {
	folder=$1
	shift
	(cd "$folder" && git ls-files -z --cached -- "$@" ':!*.gitignore') >"$new/files"
	tar c --null -C "$folder" --files-from="$new/files" >"$new/sources" ||
		fail 'a file of the repository is not in the working tree'
	tar x -C "$tree" -f "$new/sources"
}

# The manifest without what only tests need, and what is optional.
manifest() {
	awk '
		/^\[/ { kept = $0 !~ /^\[(dev-dependencies|profile\.(dev|test).*)\]/ }
		kept && !/optional = true|"dep:/
	' "$1/Cargo.toml" >"$tree/Cargo.toml"
}

case $what in
library)
	name=rbshim-$version level=-9e
	tree=$new/$name
	mkdir "$tree"
	sources . . ':!tests' ':!tool' ':!benches' ':!fuzz' ':!litmus' ':!platforms' ':!.ci' ':!debian'
	manifest .
	printf '\n[lints.rust]\nunexpected_cfgs = "allow" # features whose crates are not vendored\n' >>"$tree/Cargo.toml"
	;;
tool)
	# The highest level takes twice as long, for a fifth.
	name=rbshim-tool-$version level=-6
	grep -q "^version = \"$version\"\$" tool/Cargo.toml || fail "tool/Cargo.toml has another version than $version"
	tree=$new/$name
	mkdir "$tree"
	sources tool . ':!tests' ':!fuzz'
	sources . LICENSES
	manifest tool
	;;
*) fail 'usage: dist.sh VERSION DIRECTORY library|tool' ;;
esac

scripts=$PWD/packaging
(
	cd "$tree"
	"$scripts/vendor.py"
	CARGOFLAGS=--offline "$scripts/sbom.py" . >"$name.cdx.json"
	"$scripts/notices.py" "$name.cdx.json" >CRATES.txt
) || fail 'the crates could not be vendored'

tar c --sort=name --format=posix --pax-option=delete=atime,delete=ctime --mtime="@$SOURCE_DATE_EPOCH" \
	--owner=0 --group=0 --numeric-owner --mode=u+w,go+rX,go-w -C "$new" "$name" |
	xz "$level" --threads=1 >"$new/$name.tar.xz"
(cd "$new" && sha256sum "$name.tar.xz" >"$name.tar.xz.sha256")
mv -f "$new/$name.tar.xz" "$new/$name.tar.xz.sha256" "$directory"
echo "$directory/$name.tar.xz"
