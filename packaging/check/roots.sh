#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Makes the roots, all of Debian 13, or leaves them as they are where nothing about them has changed:
#   base    what all begin with
#   build   build-essential and what debian/control asks for, nothing else
#   tools   that, and the tools of the other packages
#   clean   where the packages are used
set -eu
. "$(dirname "$0")/lib.sh"

suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The host's mirror, which may be near.
mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
		grep -m 1 '^http' || echo http://deb.debian.org/debian
}

# root NAME COMMAND...: unless it was made in this way already, has the command make it in the folder $new.
root() {
	name=$1
	shift
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

apt_get() {
	ONLINE=1 in_root "$new" root apt-get --quiet --yes --no-install-recommends "$@"
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

build_root() {
	copy base build-essential
	mkdir -p "$new/work/rbshim/debian"
	cp "$top/debian/control" "$new/work/rbshim/debian"
	apt_get build-dep /work/rbshim
}

if ! command -v debootstrap >/dev/null || ! [ -e $keyring ]; then
	apt-get --quiet update
	DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends install \
		debootstrap debian-archive-keyring
fi
mkdir -p "$roots"
mirror=$(mirror)
key=$({
	echo "$mirror"
	cat "$0"
	sed -n '/^Build-Depends:/,/^[A-Z]/p' "$top/debian/control"
} | sha256sum)

root base bootstrap
root build build_root
root tools copy build busybox cargo-c clang debugedit elfutils libarchive-tools libbpf-dev lintian makepkg nix-bin \
	pacman-package-manager rpm rpmlint shellcheck
root clean copy base cmake g++ gcc libbpf-dev libc6-dev make meson pkgconf systemd
