#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# run.sh [KERNEL...]: boots kernels of the list beside this under qemu, all of them if none is named, runs the programs
# of c-tests/ in the guests, on libbpf and on rbshim, and compares what they print. With --short, those with a star in
# the list, in two ways, and only the programs in `short`. PROGRAMS and WAYS are others. Needs Debian or Ubuntu, and a
# network the first time.
#
# Everything is kept in platforms/ of the target folder: kernels, what is built for the guests, and what they have
# printed, in transcripts/. KERNEL_SECONDS is how long a guest may take; with --short all of them may take ten minutes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
limit=${KERNEL_SECONDS:-1800}
# What guests may take together, if that is limited.
left=

case ,${RBSHIM_TESTS:-}, in
*,offline,*)
	echo "kernels: skipped: RBSHIM_TESTS=$RBSHIM_TESTS is set"
	exit 0
	;;
esac

CACHE=$(realpath -m "${CARGO_TARGET_DIR:-target}/platforms")
export CACHE
mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock -n 9 || {
	echo "kernels: another one is at work in $CACHE" >&2
	exit 1
}

if [ "${1:-}" = --short ]; then
	shift
	left=600
	WAYS='stock preloaded' PROGRAMS=$(grep -v '^#' "$here/short" | tr '\n' ' ')
	# shellcheck disable=SC2046 # one word each
	set -- $(awk '$1 == "*" { print $2 }' "$here/list")
elif [ $# = 0 ]; then
	# shellcheck disable=SC2046 # one word each
	set -- $(awk '$1 == "*" || $1 == "-" { print $2 }' "$here/list")
fi
settings=
[ -z "${PROGRAMS:-}" ] || settings="programs='$PROGRAMS'"
[ -z "${WAYS:-}" ] || settings="$settings ways='$WAYS'"
export PROGRAMS="${PROGRAMS:-}" WAYS="${WAYS:-}"

# shellcheck disable=SC2046 # one word each
"$here/../setup.sh" $(for kernel; do echo "${kernel%%/*}"; done | sort -u)

# The guest does not outlive this.
booting=
trap 'trap "" HUP INT TERM; [ -z "$booting" ] || { kill "$!" && wait "$!"; } || :' EXIT
trap 'exit 1' HUP INT TERM

# guest KERNEL: runs the programs, and writes the transcript.
guest() {
	architecture=${1%%/*}
	image=$("$here/image.sh" "$1") || return 1
	built=$("$here/build.sh" "$architecture") || return 1
	root=$built/root
	cp "$here/start.sh" "$root/start"
	echo "$settings" >"$root/settings"
	begun=$(date +%s) status=0
	[ -z "$left" ] || limit=$((left > 1 ? left : 1))
	echo "guest $1"
	echo "libbpf $(cat "$built/libbpf-version")"
	# While this waits for a background job, signals are heeded at once.
	booting=1
	"$here/boot.sh" "$architecture" "$image" "$root" "$limit" &
	wait "$!" || status=$?
	booting=
	took=$(($(date +%s) - begun))
	[ -z "$left" ] || left=$((left - took))
	echo "ended $status $took"
}

failed=
for kernel; do
	transcript=$CACHE/transcripts/$(echo "$kernel" | tr / -)
	mkdir -p "${transcript%/*}"
	echo "kernels: $kernel" >&2
	guest "$kernel" >"$transcript" 9>&- || {
		echo "kernels: $kernel: FAILED to start" >&2
		failed="$failed $kernel"
		continue
	}
	transcripts="${transcripts:-} $transcript"
done

# shellcheck disable=SC2086 # one word each
"$here/report.py" ${transcripts:-} >"$CACHE/kernels.md" || failed="$failed programs"
cat "$CACHE/kernels.md"
if [ -n "$failed" ]; then
	echo "kernels: FAILED:$failed; what was printed is in $CACHE/transcripts" >&2
	exit 1
fi
