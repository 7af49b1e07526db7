#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# boot.sh ARCHITECTURE IMAGE FOLDER SECONDS
#
# Boots a Linux kernel in qemu-system, and runs FOLDER/start in it as root, with busybox, with FOLDER as /. What it
# prints is printed, and its exit status is that of this; the status is 124 if the guest takes longer than SECONDS, or
# ends before the script does. A signal that ends this ends the guest. There is no network in it. ARCHITECTURE is
# x86-64, aarch64, s390x or ppc64le. CACHE is where busybox is kept.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
architecture=$1 image=$2 folder=$3 seconds=$4

# shellcheck source=platforms/architecture.sh
. "$here/../architecture.sh"

# Debian's static one, of the guest's architecture.
busybox=$CACHE/busybox/$debian
if ! [ -x "$busybox" ]; then
	new=$busybox.new
	rm -rf "$new"
	mkdir -p "$new"
	APT_CONFIG=$("$here/../apt.sh" trixie "$debian")
	(cd "$new" && APT_CONFIG=$APT_CONFIG apt-get --quiet=2 -o APT::Sandbox::User=root download busybox-static >&2)
	dpkg-deb -x "$new"/busybox-static_*.deb "$new"
	find "$new" -type f -name busybox -exec mv {} "$busybox" \;
	rm -rf "$new"
fi

work=$(mktemp -d)
# What is killed is timeout, which ends qemu then. A second signal does not cut that short.
trap 'trap "" HUP INT TERM; [ -z "${!:-}" ] || kill "$!" 2>/dev/null || :; wait; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/root/bin"
cp "$busybox" "$work/root/bin/busybox"
cp "$here/init.sh" "$work/root/init"
chmod +x "$work/root/init"
# The kernel unpacks one archive after the other.
for root in "$work/root" "$folder"; do
	(cd "$root" && find . -print0 | cpio --quiet --null --create --format=newc --owner=+0:+0)
done >"$work/initramfs"

mkfifo "$work/console"
# All in software, with a thread for each CPU: the same everywhere, and KVM inside another guest often fails.
timeout "$seconds" "qemu-system-$qemu" -M "$board" -cpu "$cpu" -smp 2 -m 1024 -accel tcg,thread=multi \
	-nodefaults -display none -serial stdio -no-reboot -kernel "$image" -initrd "$work/initramfs" \
	-append "console=$console panic=-1 quiet" </dev/null >"$work/console" &

return=$(printf '\r') begun='' over=124
# Line for line, so that one can see how far a guest is. A shell that reads heeds signals; one that waits for a pipeline
# does so when that has ended.
while IFS= read -r line; do
	line=${line%"$return"}
	case $line in
	'guest: begins'*) begun=1 ;;
	'guest: over '*) begun='' over=${line#guest: over } ;;
	*) [ -z "$begun" ] || printf '%s\n' "$line" ;;
	esac
done <"$work/console"
exit "$over"
