#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Builds the packages of the source tarballs in roots of Debian 13, lints them, installs them in a clean root, compiles
# against them, runs, upgrades and removes. Needs root, BPF, apt-get and, to make the roots, a network. Checks
# TARBALL with the tool's beside it, or else what `make dist` makes. What the steps say is left in package-check/log/ of
# the target folder.
set -eu

# As the other tests have it. All of this needs Debian's archive, and half of it BPF.
case ,${RBSHIM_TESTS:-}, in
*,offline,* | *,nobpf,*)
	echo "package-check: skipped: RBSHIM_TESTS=$RBSHIM_TESTS is set"
	exit 0
	;;
esac

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
export CHECK="${CARGO_TARGET_DIR:-target}/package-check"
given=${TARBALL:-}
export TARBALL="${given:-${CARGO_TARGET_DIR:-target}/dist/rbshim-$version.tar.xz}"

[ "$(id -u)" = 0 ] || {
	echo 'package-check: needs root, to make roots of Debian and to use BPF' >&2
	exit 1
}
mkdir -p "$CHECK/log"
CHECK=$(realpath "$CHECK")
TARBALL=$(realpath -m "$TARBALL")
exec 9>"$CHECK/lock"
flock -n 9 || {
	echo "package-check: another one is at work in $CHECK" >&2
	exit 1
}

started=$(date +%s) good=' ' failures=0
: >"$CHECK/summary"

note() {
	printf '%-24s %-7s %s\n' "$@" >>"$CHECK/summary"
	[ "$2" = ok ] || failures=$((failures + 1))
}

# step NAME "STEPS THAT IT NEEDS" COMMAND...
step() {
	name=$1 needed=$2
	shift 2
	for other in $needed; do
		case $good in
		*" $other "*) ;;
		*)
			note "$name" FAILED "not run: needs $other"
			return
			;;
		esac
	done
	printf '%s ... ' "$name"
	result=ok since=$(date +%s)
	"$@" >"$CHECK/log/$name" 2>&1 9>&- </dev/null || result=FAILED
	took="$(($(date +%s) - since)) s"
	echo "$result, $took"
	note "$name" $result "$took"
	if [ $result = ok ]; then
		good="$good$name "
	else
		tail -n 40 "$CHECK/log/$name" | sed 's/^/    /'
	fi
}

tarball() {
	{ [ -n "$given" ] || make dist; } && tar tf "$TARBALL" && tar tf "${TARBALL%/*}/rbshim-tool-$version.tar.xz"
}

# The parts of its output that a reader wants to see.
show() {
	case $good in
	*" $1 "*) sed -n "${2:-p}" "$CHECK/log/$1" | sed 's/^/    /' ;;
	esac
}

step tarball '' tarball
step roots '' "$here/roots.sh"
step scripts roots "$here/scripts.sh"
step make-install 'tarball roots' "$here/make.sh"
show make-install '/^usr/p'
step cargo-c make-install "$here/cargo-c.sh"
step debian-build 'tarball roots' "$here/debian.sh" build
step debian-lint debian-build "$here/debian.sh" lint
show debian-lint
step debian-files 'debian-build make-install' "$here/debian.sh" files
show debian-files
step debian-build-next debian-build "$here/debian.sh" build-next
step debian-install debian-build "$here/clean-root.sh" install
step debian-compile debian-install "$here/clean-root.sh" compile
show debian-compile '/-lrbshim/p'
step debian-run debian-compile "$here/clean-root.sh" run
show debian-run
step debian-autopkgtest debian-install "$here/clean-root.sh" autopkgtest
step debian-tool debian-run "$here/clean-root.sh" tool
show debian-tool
step debian-upgrade 'debian-tool debian-build-next' "$here/clean-root.sh" upgrade
show debian-upgrade '/ active: /p'
step debian-remove debian-tool "$here/clean-root.sh" remove
step rpm-build 'tarball roots' "$here/rpm.sh" build
step rpm-lint rpm-build "$here/rpm.sh" lint
step rpm-install 'rpm-build make-install' "$here/rpm.sh" install
step arch make-install "$here/arch.sh"
step alpine make-install "$here/alpine.sh"
step nix make-install "$here/nix.sh"

echo
cat "$CHECK/summary"
took=$(($(date +%s) - started))
if [ $failures = 0 ]; then
	echo "package-check: all $(wc -l <"$CHECK/summary") steps ok, in $took s"
else
	echo "package-check: $failures of $(wc -l <"$CHECK/summary") steps FAILED, in $took s; their output is in $CHECK/log"
	exit 1
fi
