#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# root.sh ARCHITECTURE...
#
# Makes the root `cross`, or leaves it as it is where nothing about it has changed, and adds to it what is needed for
# these architectures. Then copies into it the project as it is now, with its crates.
set -eu
. "$(dirname "$0")/lib.sh"

# The emulator is that of Debian 12: the last qemu-user that can give a program larger pages than the machine has (the
# option -p, which does nothing since qemu 9).
cross_root() {
	copy base ca-certificates cargo gcc libc6-dev make python3-minimal rustc
	echo "deb $mirror bookworm main" >"$new/etc/apt/sources.list.d/emulator.list"
	apt_get update
	ONLINE=1 in_root "$new" root sh -euc '
		cd /tmp
		version=$(apt-cache madison qemu-user-static | sed -n "s/^[^|]*| *\([^ ]*\) *|.* bookworm.*/\1/p" | head -n 1)
		apt-get --quiet download "qemu-user-static=${version:?Debian 12 has no qemu-user-static}"
		dpkg -x qemu-user-static_*.deb /opt/qemu'
	rm "$new/etc/apt/sources.list.d/emulator.list"
}

# Of the foreign packages only the compiler's libraries are taken, and unpacked: installed, they would bring an LLVM
# each.
add_architecture() {
	if [ -e "$cross/work/added/$arch" ]; then
		echo "$arch: as it is"
		return
	fi
	echo "$arch: new"
	new=$cross
	in_root "$cross" root sh -euc 'dpkg --configure -a; dpkg --add-architecture "$1"' sh "$debian"
	apt_get update
	apt_get install "gcc-$gnu" "libc6-dev-$debian-cross"
	ONLINE=1 in_root "$cross" root sh -euc '
		cd /tmp
		version=$(dpkg-query --show --showformat="\${Version}" rustc)
		apt-get --quiet download "libstd-rust-dev:$1=$version"
		dpkg -x libstd-rust-dev_*.deb /
		apt-get clean' sh "$debian"
	mkdir -p "$cross/work/added"
	touch "$cross/work/added/$arch"
}

# Both crates and all that their tests use, unless the lock files are those of the last time.
vendor() {
	locks=$(cat "$top/Cargo.lock" "$top/tool/Cargo.lock" | sha256sum)
	[ "$(cat "$cross/work/vendor.key" 2>/dev/null)" != "$locks" ] || return 0
	rm -rf "$cross/work/vendor.key" "$cross/work/vendor"
	(cd "$top" && cargo vendor --quiet --locked --versioned-dirs --sync tool/Cargo.toml "$cross/work/vendor" >/dev/null)
	echo "$locks" >"$cross/work/vendor.key"
}

# replace FOLDER: by FOLDER.new. What has changed is as new as now, and nothing else: cargo builds what is newer than its
# last build, and that may have been made after the change, from the files before it.
replace() {
	find "$1.new" -type f -exec sh -euc '
		old=$1 new=$2
		shift 2
		for file; do
			same=$old${file#"$new"}
			if cmp -s "$same" "$file"; then touch -r "$same" "$file"; else touch "$file"; fi
		done' sh "$1" "$1.new" {} +
	rm -rf "$1"
	mv "$1.new" "$1"
}

# What the repository knows, as it is in the working tree.
sources() {
	rm -rf "$cross/work/rbshim.new" "$cross/work/tests.new"
	mkdir -p "$cross/work/rbshim.new" "$cross/work/tests.new" "$cross/work/cargo" "$cross/work/target"
	(cd "$top" && git ls-files -z --cached --others --exclude-standard) >"$CHECK/files"
	tar c --null -C "$top" --files-from="$CHECK/files" | tee "$CHECK/sources.tar" | tar x -C "$cross/work/rbshim.new"
	tar x -C "$cross/work/tests.new" -f "$CHECK/sources.tar"
	rm "$CHECK/sources.tar"
	# Without the model, which is not run, and without the crates of that and of other tests: these take longer to build
	# than all the rest.
	awk '/^\[/ { inside = $0 == "[dev-dependencies]" }
		!inside || !/^[a-z]/ || /^(rbshim|proptest) = /' "$top/Cargo.toml" >"$cross/work/tests.new/Cargo.toml"
	rm -r "$cross/work/tests.new/src/ring/model"
	sed -i '/^#\[cfg(test)\]$/ { N; /\nmod model;$/d }' "$cross/work/tests.new/src/ring/mod.rs"
	replace "$cross/work/rbshim"
	replace "$cross/work/tests"
}

# Linkers, and the crates.
configure() {
	cat <<-end
		[source.crates-io]
		replace-with = "vendored"
		[source.vendored]
		directory = "/work/vendor"
	end
	for name in $all_architectures; do
		architecture "$name"
		printf '[target.%s]\nlinker = "%s-gcc"\n' "$rust" "$gnu"
	done
}

prepare_roots
mkdir -p "$CHECK"
base_root
root cross "$(sed -n '/^cross_root/,/^}/p' "$0")" cross_root
for name; do
	architecture "$name"
	add_architecture
done
vendor
sources
configure >"$cross/work/cargo/config.toml"
chown -R 1000:1000 "$cross/work"
