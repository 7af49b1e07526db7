#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# overwrite.sh KERNEL [SECONDS]: shows that c-tests/overwrite_soak.c can fail. In a guest with a kernel of the list beside
# this, for x86-64 and of Linux 6.19 at least, it runs for so many seconds on libbpf alone, on rbshim, and on each mutant
# of how rbshim reads rings in overwrite mode (tests/mutants/overwriting.rs). What it has found in each is printed:
# docs/overwrite.md has a table of it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
kernel=$1 seconds=${2:-15}
CACHE=$(realpath -m "${CARGO_TARGET_DIR:-target}/platforms")
export CACHE
mkdir -p "$CACHE"

image=$("$here/image.sh" "$kernel")
built=$("$here/build.sh" x86-64)
libraries=$(${CARGO:-cargo} test --quiet --locked --test mutants mutants_of_overwrite_mode -- --ignored --nocapture |
	grep '/librbshim\.so$')

work=$(mktemp -d)
trap 'trap "" HUP INT TERM; [ -z "${!:-}" ] || kill "$!" 2>/dev/null || :; wait; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cp -a "$built/root/." "$work"
number=0
echo "$libraries" | while read -r library; do
	number=$((number + 1))
	mkdir -p "$work/mutants/$number"
	cp "$library" "$work/mutants/$number/librbshim.so.1"
	basename "$(dirname "$library")" >"$work/mutants/$number/name"
done

cat >"$work/start" <<END
cd /bpf
uname -r
soak() {
	printf '\n%s\n' "\$1"
	LD_PRELOAD=\$2 timeout -s KILL 300 /programs/stock/overwrite_soak $seconds 2>&1 | grep -v '^libbpf: ringbuf: corrupt'
}
soak 'libbpf alone' ''
soak rbshim librbshim.so.1
for mutant in /mutants/*; do
	soak "\$(cat "\$mutant/name")" "\$mutant/librbshim.so.1"
done
exit 0
END
# While this waits for a background job, signals are heeded at once.
"$here/boot.sh" x86-64 "$image" "$work" 3600 &
wait "$!"
