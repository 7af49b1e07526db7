# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh disable=SC2016,SC2154
# (Single quotes are meant: what is in them is for others.)
#
# Roots: folders with a Debian 13 system in them, in which other scripts build and test. Scripts read this with $top
# set, which is this repository, and $roots, the folder that holds the roots.

suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# in_root ROOT USER COMMAND...: in the root's /work, with mounts and processes of its own, which end with it, and
# without a network unless ONLINE is set.
in_root() {
	in_root=$1 user=$2
	shift 2
	mkdir -p "$in_root/work"
	set -- --mount --pid --fork --kill-child -- sh -euc '
		root=$1 user=$2
		shift 2
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		mount -t sysfs sysfs "$root/sys"
		mount -t tmpfs tmpfs "$root/tmp"
		exec chroot --userspec="$user" "$root" env --chdir=/work -i LANG=C.UTF-8 HOME=/work \
			DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$in_root" "$user" "$@"
	[ -n "${ONLINE:-}" ] || set -- --net "$@"
	unshare "$@"
}

# The host's mirror, which may be near.
find_mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
		grep -m 1 '^http' || echo http://deb.debian.org/debian
}

# What is needed to make roots, and none but one of us making them.
prepare_roots() {
	if ! command -v debootstrap >/dev/null || ! [ -e $keyring ]; then
		apt-get --quiet update
		DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends install \
			debootstrap debian-archive-keyring
	fi
	mkdir -p "$roots"
	exec 8>"$roots/lock"
	flock 8
	mirror=$(find_mirror)
	made_with="$mirror $(cat "$top/scripts/debian-roots.sh")"
}

# root NAME KEY COMMAND...: has the command make it in the folder $new, unless the root is there and nothing of this has
# changed, nor what is in this file.
root() {
	name=$1 key=$(printf '%s\n' "$made_with" "$@" | sha256sum)
	shift 2
	if [ "$(cat "$roots/$name.key" 2>/dev/null)" = "$key" ]; then
		echo "$name: as it is"
		return
	fi
	echo "$name: new"
	new=$roots/$name.new
	rm -rf "$new" "${roots:?}/$name" "$roots/$name.key"
	"$@"
	mv "$new" "$roots/$name"
	echo "$key" >"$roots/$name.key"
}

# base: what all others begin with.
base_root() {
	root base "$suite" bootstrap
}

bootstrap() {
	# In a mount namespace: whatever it mounts goes away with it, even if it is killed.
	unshare --mount debootstrap --variant=minbase --keyring=$keyring $suite "$new" "$mirror"
	cp /etc/resolv.conf "$new/etc/resolv.conf"
	# A root that was not finished is not used, so nothing has to be on the disk at once.
	echo force-unsafe-io >"$new/etc/dpkg/dpkg.cfg.d/unsafe-io"
	useradd --root "$new" --uid 1000 --home-dir /work --shell /bin/sh builder
}

# copy ROOT PACKAGES...
copy() {
	cp -a --reflink=auto "$roots/$1" "$new"
	shift
	apt_get install "$@"
}

apt_get() {
	ONLINE=1 in_root "$new" root apt-get --quiet --yes --no-install-recommends "$@"
}
