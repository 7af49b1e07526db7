# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh disable=SC2034,SC2154 # for those who read this, and have set it
#
# What $architecture (x86-64, aarch64, s390x, ppc64le) is called by others, and the machine that qemu-system emulates.

bpf=bpf
case $architecture in
x86-64)
	debian=amd64 triplet=x86_64-linux-gnu rust=x86_64-unknown-linux-gnu
	qemu=x86_64 qemu_package=qemu-system-x86
	board=q35 cpu=max console=ttyS0
	;;
aarch64)
	debian=arm64 triplet=aarch64-linux-gnu rust=aarch64-unknown-linux-gnu
	qemu=aarch64 qemu_package=qemu-system-arm
	# Pointer authentication as the architecture describes it is slow to emulate.
	board=virt cpu=max,pauth-impdef=on console=ttyAMA0
	;;
s390x)
	debian=s390x triplet=s390x-linux-gnu rust=s390x-unknown-linux-gnu
	qemu=s390x qemu_package=qemu-system-misc
	board=s390-ccw-virtio cpu=max console=ttysclp0
	# Big-endian.
	bpf=bpfeb
	;;
ppc64le)
	debian=ppc64el triplet=powerpc64le-linux-gnu rust=powerpc64le-unknown-linux-gnu
	qemu=ppc64 qemu_package=qemu-system-ppc
	# What the emulated CPU does not have against Spectre must be given up by name.
	board=pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off cpu=max console=hvc0
	;;
*)
	echo "platforms: $architecture is not known" >&2
	exit 1
	;;
esac
