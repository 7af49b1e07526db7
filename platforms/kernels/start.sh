#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# In a guest: runs each program in each way, and prints, as report.py reads it:
#
#   kernel VERSION
#   page KILOBYTES kB
#   run PROGRAM WAY
#   out LINE                     each line of its stdout, or
#   as before                    if it is that of the way before
#   err LINE                     the last lines of its stderr, if it has not succeeded
#   status STATUS SECONDS        137 if it was killed because it took too long, 77 if it cannot run here
#   all were run
#
# A PROGRAM has its arguments after commas. /lacking has the programs that were not built, because of their libbpf, and
# the reasons. /settings may set `ways`, `programs` and `limit`, the seconds that one may take.

ways='stock preloaded shared static'
# shellcheck disable=SC2010 # the names are plain
programs="$(ls /programs/stock | grep -v edge_triggered) $(cut -d ' ' -f 1 /lacking)
	edge_triggered,--wait=map,--drain=consume,--seconds=3
	edge_triggered,--wait=manager,--drain=poll,--seconds=3"
# Longer than any program takes, on a machine that has other things to do.
limit=300
# shellcheck source=/dev/null
[ ! -e /settings ] || . /settings

now() {
	cut -d ' ' -f 1 /proc/uptime
}

run() {
	folder=$way preload=
	if [ "$way" = preloaded ]; then
		folder=stock preload=librbshim.so.1
	fi
	echo "run $program $way"
	reason=$(sed -n "s/^${program%%,*} //p" /lacking)
	if [ -n "$reason" ]; then
		echo "err $reason"
		echo 'status 77 0'
		return
	fi
	begun=$(now)
	# shellcheck disable=SC2046 # one word each
	LD_PRELOAD=$preload timeout -s KILL "$limit" "/programs/$folder/"$(echo "$program" | tr , ' ') \
		>/tmp/out 2>/tmp/err </dev/null
	status=$?
	took=$(echo "$begun $(now)" | awk '{ print $2 - $1 }')
	if [ -e /tmp/before ] && cmp -s /tmp/out /tmp/before; then
		echo 'as before'
	else
		sed 's/^/out /' /tmp/out
	fi
	[ $status = 0 ] || tail -n 20 /tmp/err | sed 's/^/err /'
	echo "status $status $took"
	mv /tmp/out /tmp/before
}

cd /bpf || exit 1
ip link set lo up
echo "kernel $(uname -r), $(uname -v)"
sed -n 's/^KernelPageSize: */page /p' /proc/self/smaps | head -n 1
for program in $programs; do
	rm -f /tmp/before
	for way in $ways; do
		run
	done
done
echo 'all were run'
