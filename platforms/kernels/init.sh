#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh
#
# The first process of a guest: runs /start, says how it ended, and switches the machine off.

/bin/busybox mkdir -p /dev /proc /sys /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
exec </dev/null >/dev/console 2>&1
# No messages of the kernel among those of the programs.
dmesg -n 1
# Only BPF programs that are compiled have callbacks, and Linux 6.1 for POWER compiles none unless told.
[ ! -e /proc/sys/net/core/bpf_jit_enable ] || echo 1 >/proc/sys/net/core/bpf_jit_enable
# Before Linux 5.11, maps count as locked memory.
# shellcheck disable=SC3045 # busybox has it
ulimit -l unlimited
cd /
# Firmware or kernel may have left a line without its end.
printf '\nguest: begins\n'
sh /start
echo "guest: over $?"
poweroff -f
