#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# check.sh ARCHITECTURE library|settle|tests BYTES|tool
#
# One check of one architecture. The last line that it prints is its cell in the table.
set -eu
. "$(dirname "$0")/lib.sh"

architecture "$1"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml")

# The library as it ships, with the functions that it has on x86-64 and nothing else; and a program that is linked with
# it, both ways.
library() {
	on_target rbshim make build
	on_target rbshim sh -euc '
		gnu=$1 package=$2 library=$2/librbshim.so.$3 emulator=$4 needed=$5
		sed -n "s/.*<elf-symbol name=.\([a-z_]*\).*/\1/p" abi/librbshim.abi | sort >/tmp/wanted
		"$gnu-nm" --dynamic --defined-only --format=posix "$library" | cut -d " " -f 1 | sort >/tmp/exported
		diff -u /tmp/wanted /tmp/exported
		"$gnu-objdump" -p "$library" >/tmp/headers
		grep "SONAME *librbshim\.so\.1\$" /tmp/headers
		if grep NEEDED /tmp/headers | grep -v " ld[^ ]*\$" | grep -v -w -e "$needed"; then exit 1; fi
		for how in "-o /tmp/shared -L $package -lrbshim" "-o /tmp/static $package/librbshim.a"; do
			"$gnu-gcc" -Wall -Werror -I include packaging/check/smoke.c $how
		done
		$emulator -E "LD_LIBRARY_PATH=$package" /tmp/shared
		$emulator /tmp/static
		echo "$(wc -l </tmp/exported) functions"' sh "$gnu" "$package" "$version" "$emulator" "$needed"
}

# What the machine code of the library does when it settles; and that a library whose readers store and look without a
# full barrier is found out.
settle() {
	on_target rbshim python3 platforms/arch/settle.py "$arch" "$gnu-objdump" "$package/librbshim.so.$version" \
		>"$CHECK/settle"
	on_target rbshim env CARGO_TARGET_DIR=/work/target/spoilt sh -euc '
		mkdir /tmp/spoilt
		cp -a Cargo.* Makefile build* cbindgen.toml include packaging platforms src litmus /tmp/spoilt
		cd /tmp/spoilt
		sed -i -e "/M::fence(Ordering::SeqCst);/d" \
			-e "s/set_consumer_pos(self.cursor, Ordering::SeqCst)/set_consumer_pos(self.cursor, Ordering::Release)/" \
			src/ring/consumer.rs src/ring/consumer/passed.rs src/ring/overwrite.rs
		if grep "fence(Ordering::SeqCst)" src/ring/*.rs src/ring/consumer/*.rs; then exit 1; fi
		make build
		if python3 platforms/arch/settle.py "$1" "$2-objdump" "/work/target/spoilt/$3/package/librbshim.so.$4"; then
			echo "a library without the barriers passes as well"
			exit 1
		fi' sh "$arch" "$gnu" "$rust" "$version"
	cat "$CHECK/settle"
}

# passed FOLDER EMULATOR ARGUMENTS...: what `cargo test` runs with these passes, and nothing of it is ignored.
passed() {
	folder=$1 runner=$2
	shift 2
	set -- "CARGO_TARGET_$(echo "$rust" | tr a-z- A-Z_)_RUNNER=$runner" cargo test --no-fail-fast "$@"
	status=0
	on_target "$folder" env "$@" >"$CHECK/tests" 2>&1 || status=$?
	cat "$CHECK/tests"
	[ $status = 0 ] || fail "cargo test: exit status $status"
	awk '/^test result: ok/ { passed += $4; ignored += $8 }
		END { print passed + 0 " passed" (ignored ? ", " ignored " ignored" : ""); exit !passed || ignored }' "$CHECK/tests"
}

# With pages of so many bytes. What the tests spend their time in is optimized, since every instruction is emulated;
# what a debug build checks is checked.
tests() {
	bytes=$1
	case " $pages " in
	*" $bytes "*) ;;
	*)
		echo 'no such pages'
		return
		;;
	esac
	on_target rbshim sh -euc '
		echo "#include <unistd.h>
			int main(void) { return sysconf(_SC_PAGESIZE) != $3; }" >/tmp/page.c
		"$1-gcc" -o /tmp/page /tmp/page.c
		$2 -p "$3" /tmp/page' sh "$gnu" "$emulator" "$bytes" || fail "the emulator has no pages of $bytes bytes"
	set -- --lib --test hostile --test overwrite --test corpus
	for crate in rbshim proptest rand rand_chacha; do
		set -- "$@" --config "profile.test.package.$crate.opt-level=2"
	done
	passed tests "$emulator -p $bytes" "$@"
}

# The tool is for 64-bit machines: elsewhere its build says so, and nothing comes of it.
tool() {
	if [ $bits = 64 ]; then
		passed rbshim/tool "$emulator" --locked --lib --bins
		return
	fi
	if on_target rbshim/tool cargo check --locked --lib >"$CHECK/refused" 2>&1; then
		fail 'the tool was built, but nothing of it is tested on 32 bits'
	fi
	cat "$CHECK/refused"
	grep 'for 64-bit machines' "$CHECK/refused" >/dev/null || fail 'the build failed for another reason'
	echo '64-bit only'
}

shift
"$@"
