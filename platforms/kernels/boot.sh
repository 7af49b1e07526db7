#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# boot.sh ARCHITECTURE IMAGE FOLDER SECONDS
#
# Boots a Linux kernel in qemu-system, and runs FOLDER/start in it as root, with busybox, with FOLDER as /. What it prints
# is printed, and its exit status is that of this; the status is 124 if the guest takes longer than SECONDS, or ends
# before the script does. Without a network. ARCHITECTURE is x86-64, aarch64, s390x or ppc64le. CACHE is where busybox is kept.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
architecture=$1 image=$2 folder=$3 seconds=$4

case $architecture in
x86-64) debian=amd64 machine=x86_64 console=ttyS0 cpu=max board=q35 ;;
# Pointer authentication as the architecture describes it is slow to emulate.
aarch64) debian=arm64 machine=aarch64 console=ttyAMA0 cpu=max,pauth-impdef=on board=virt ;;
s390x) debian=s390x machine=s390x console=ttysclp0 cpu=max board=s390-ccw-virtio ;;
# What the emulated CPU does not have against Spectre must be given up by name.
ppc64le)
	debian=ppc64el machine=ppc64 console=hvc0 cpu=max
	board=pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off
	;;
*)
	echo "boot.sh: $architecture is not known" >&2
	exit 1
	;;
esac

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
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/root/bin"
cp "$busybox" "$work/root/bin/busybox"
cp "$here/init.sh" "$work/root/init"
chmod +x "$work/root/init"
# The kernel unpacks one archive after the other.
for root in "$work/root" "$folder"; do
	(cd "$root" && find . -print0 | cpio --quiet --null --create --format=newc --owner=+0:+0)
done >"$work/initramfs"

# All in software, with a thread for each CPU: the same everywhere, and KVM inside another guest often fails.
timeout "$seconds" "qemu-system-$machine" -M "$board" -cpu "$cpu" -smp 2 -m 1024 -accel tcg,thread=multi \
	-nodefaults -display none -serial stdio -no-reboot -kernel "$image" -initrd "$work/initramfs" \
	-append "console=$console panic=-1 quiet" </dev/null | tr -d '\r' |
	awk '/^guest: begins/ { on = 1; next } /^guest: over / { over = $3; on = 0 } on { print; fflush() }
		END { exit over == "" ? 124 : over }'
