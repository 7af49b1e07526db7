#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# clean-root.sh install|compile|run|tool|autopkgtest|upgrade|remove
#
# The Debian packages in use, in a root that has never seen rbshim.
set -eu
. "$(dirname "$0")/lib.sh"

root=$roots/used
programs=$root/work/programs
packages=$CHECK/debian

# What is in the root, but for logs, caches, what does not survive a boot, and what dpkg writes with each package.
state() {
	(cd "$root" && find . \( -path ./work -o -path ./tmp -o -path ./run -o -path ./var/cache -o -path ./var/log \
		-o -path ./var/lib/apt -o -path './var/lib/dpkg/status*' -o -path './var/lib/dpkg/triggers*' \
		-o -path ./etc/ld.so.cache \) -prune \
		-o -type d -printf '%p/\n' -o -printf '%p %s %l\n' | sort)
}

# install_debs FILES...: with apt; what they depend on has to be there.
install_debs() {
	workplace "$root" debs "$@"
	in_root "$root" root sh -euc 'apt-get --quiet=2 --yes --no-install-recommends install ./debs/*.deb'
}

the_debs() {
	find "$packages/$1" -name '*.deb' ! -name '*-dbgsym_*'
}

# run NAME PROGRAM [VARIABLE|COMMAND]: the program, with a variable set or started by a command. Its output goes into
# NAME.out, and rbshim's line, if it is active, into NAME.active.
run() {
	in_root "$root" root sh -euc '
		cd programs
		status=0
		env RBSHIM_VERBOSE=1 ${3:-} "./$2" >"$1.out" 2>"$1.err" || status=$?
		grep "^rbshim " "$1.err" >"$1.active" || :
		[ $status = 0 ] || { cat "$1.err"; echo "$1: exit status $status"; exit 1; }' sh "$@"
}

# runs NAME PROGRAM VERSION LIBRARY [VARIABLE|COMMAND]: with the output of the program on libbpf, and this rbshim
# active.
runs() {
	run "$1" "$2" "${5:-}"
	stock=c-stock
	case $2 in cxx-*) stock=cxx-stock ;; esac
	cmp "$programs/$stock.out" "$programs/$1.out"
	grep -q "^rbshim $3 active: [^ ]*/$4 (" "$programs/$1.active" || fail "$1: not active: $(cat "$programs/$1.err")"
	echo "$1: $(cat "$programs/$1.active")"
}

stock() {
	for program in c-stock cxx-stock c-dlopen; do
		run $program $program
		[ -s "$programs/$program.out" ] || fail "$program: prints nothing"
		! [ -s "$programs/$program.active" ] || fail "$program: is not on libbpf"
		echo "$program: $(wc -l <"$programs/$program.out") lines"
	done
}

shared() {
	for program in c-shared cxx-shared c-cmake-shared cxx-cmake-shared c-meson-shared; do
		runs $program $program "$1" 'librbshim\.so\.1[0-9.]*'
	done
	for program in c-stock cxx-stock; do
		runs "$program-preloaded" $program "$1" 'librbshim\.so\.1[0-9.]*' LD_PRELOAD=librbshim.so.1
	done
	triplet=$(in_root "$root" root gcc -print-multiarch)
	runs c-dlopen c-dlopen "$1" 'rbshim/libbpf\.so\.1' "LD_LIBRARY_PATH=/usr/lib/$triplet/rbshim"
}

static() {
	for program in c-static cxx-static c-cmake-static cxx-cmake-static c-meson-static; do
		runs $program $program "$1" $program
	done
	# This program makes no map, so it does not say that rbshim is active; but nothing else could have been linked.
	run smoke-static smoke-static
	cat "$programs/smoke-static.out"
}

# checks STATUS PROGRAM...: what the tool says of each.
checks() {
	wanted=$1
	shift
	for program in "$@"; do
		in_root "$root" root sh -euc '
			status=0
			rbshim check "programs/$2" || status=$?
			[ "$status" = "$1" ] || { echo "rbshim check $2: exit status $status, not $1"; exit 1; }' sh "$wanted" "$program"
	done
}

# The tool is of this version, and its service off.
tool_is() {
	in_root "$root" root sh -euc '
		[ "$(rbshim --version)" = "rbshim $1" ]
		[ "$(systemctl --root=/ is-enabled rbshim-watch.service || :)" = disabled ]' sh "$1"
}

case ${1:-} in
install)
	rm -rf "$root"
	cp -a --reflink=auto "$roots/clean" "$root"
	state >"$CHECK/state.before"
	# shellcheck disable=SC2046 # paths without spaces
	install_debs $(the_debs this)
	in_root "$root" root sh -euc '
		ldconfig -p | grep librbshim
		dpkg --audit
		dpkg --verify librbshim1 librbshim-dev rbshim rbshim-dlopen
		for page in "7 rbshim" "3 ring_buffer__new"; do
			ls /usr/share/man/man${page% *}/${page#* }.*
		done'
	;;
compile)
	workplace "$tools" bpf "$top"/c-tests/producer.bpf.c "$top"/c-tests/*.h
	in_root "$tools" builder sh -euc 'cd bpf && clang -O2 -g -target bpf -Wno-unused-parameter \
		-idirafter "/usr/include/$(gcc -print-multiarch)" -o producer.bpf.o -c producer.bpf.c'
	workplace "$root" programs "$tools/work/bpf/producer.bpf.o" "$top"/c-tests/*.h "$top"/c-tests/dlopen/*.h \
		"$top"/c-tests/ring_accessors.c "$top"/c-tests/leave_by_exception.cpp \
		"$top"/packaging/check/smoke.c "$top"/packaging/check/projects/*
	in_root "$root" builder sh -euc '
		cd programs
		pkg-config --cflags --libs rbshim
		pkg-config --cflags --libs --static rbshim
		make
		cmake -S . -B cmake
		cmake --build cmake
		meson setup meson
		meson compile -C meson
		cp cmake/c*-cmake-* meson/c-meson-shared meson/c-meson-static .'
	;;
run)
	stock
	shared "$version"
	static "$version"
	;;
tool)
	tool_is "$version"
	in_root "$root" root sh -euc '
		systemd-analyze verify --man=no rbshim-watch.service
		bash -euc ". /usr/share/bash-completion/completions/rbshim; complete -p rbshim"
		ls /usr/share/man/man1/rbshim*.1.gz'
	checks 0 c-shared c-static
	checks 10 c-stock cxx-stock
	checks 11 c-dlopen
	runs c-stock-run c-stock "$version" 'librbshim\.so\.1' 'rbshim run --'
	runs c-dlopen-run c-dlopen "$version" 'rbshim/libbpf\.so\.1' 'rbshim run --'
	;;
autopkgtest)
	workplace "$root" source
	unpack "$workplace/rbshim"
	cp -a "$top/debian" "$workplace/rbshim"
	chown -R 1000:1000 "$workplace"
	tests=$(sed -n 's/^Tests: //p' "$top/debian/tests/control")
	for test in $tests; do
		in_root "$root" builder sh -euc 'cd source/rbshim && "debian/tests/$1"' sh "$test"
	done
	;;
upgrade)
	# shellcheck disable=SC2046 # paths without spaces
	install_debs $(the_debs next)
	next=$(in_root "$root" root pkg-config --modversion rbshim)
	[ "$next" != "$version" ] || fail "still $version"
	left=$(find "$root/usr" -name "librbshim.so.$version")
	[ -z "$left" ] || fail "still there: $left"
	# Not compiled again: the shared program runs with the new library, the static one still has the old one.
	stock
	shared "$next"
	static "$version"
	tool_is "$next"
	runs c-stock-run c-stock "$next" 'librbshim\.so\.1' 'rbshim run --'
	;;
remove)
	in_root "$root" root apt-get --quiet=2 --yes purge librbshim1 librbshim-dev rbshim-dlopen
	# The tool stays, and does without them what it can.
	checks 10 c-stock
	! run c-stock-run c-stock 'rbshim run --' || fail 'rbshim run without the library'
	grep 'librbshim.so.1 for this program .* is not installed' "$programs/c-stock-run.err"
	in_root "$root" root apt-get --quiet=2 --yes purge rbshim
	state | diff -u --label before --label 'after purge' "$CHECK/state.before" - || fail 'not all is as it was'
	left=$(in_root "$root" root sh -euc 'ldconfig -p | grep rbshim || :; dpkg-query -W "*rbshim*" 2>/dev/null || :')
	[ -z "$left" ] || fail "left: $left"
	stock
	! run c-shared c-shared || fail 'c-shared still runs'
	static "$version"
	;;
*) fail 'usage: clean-root.sh install|compile|run|tool|autopkgtest|upgrade|remove' ;;
esac
