#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# side-by-side.sh MAKE FOLDER GOAL OTHER
#
# Has MAKE make two goals at the same time, since neither keeps two CPUs busy. What the first one prints is shown as it
# comes. What the other one prints goes into FOLDER/OTHER, and is shown when both are over. Fails, and says which, if
# one of them does; the other one is made to its end.
set -eu

make=$1 folder=$2 goal=$3 other=$4
log=$folder/$other
running=
mkdir -p "$folder"
started=$(date +%s)

# In a process group of its own, so that what it has started ends with it.
start() {
	setsid "$make" --no-print-directory "$1" </dev/null &
	process=$!
	running="$running $process"
}

end_all() {
	for process in $running; do
		kill -s TERM -- "-$process" 2>/dev/null || :
	done
}

interrupted() {
	trap '' INT TERM HUP
	echo "$0: interrupted; the last that $other has printed:"
	tail -n 20 "$log"
	exit 1
}

# over NAME PROCESS: waits for it.
over() {
	result=ok
	wait "$2" || result=FAILED
	# Nothing of it is left to be ended, and another process may have its number.
	running=$(echo "$running" | sed "s/ $2\>//")
	summary="$summary
$1: $result, $(($(date +%s) - started)) s"
}

trap end_all EXIT
trap interrupted INT TERM HUP
echo "$goal and $other, which prints into $log"
start "$other" >"$log" 2>&1
other_process=$process
start "$goal"
summary=
over "$goal" "$process"
echo "$goal: $result; waiting for $other"
over "$other" "$other_process"
echo "$other:"
cat "$log"
echo "$summary"
case $summary in *FAILED*) exit 1 ;; esac
