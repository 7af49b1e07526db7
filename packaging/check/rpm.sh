#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# rpm.sh build|lint|install
set -eu
. "$(dirname "$0")/lib.sh"

# bundles PACKAGE TARBALL: the package says that it brings the crates that the bill of materials has for linked in.
bundles() {
	tar x -O -f "$2" --wildcards '*.cdx.json' | python3 -c 'if True:
		import json, sys
		for crate in json.load(sys.stdin)["components"]:
			if crate["scope"] == "required":
				print("bundled(crate({name})) = {version}".format(**crate))' | LC_ALL=C sort >"$tools/work/rpm/linked"
	in_root "$tools" builder sh -euc '
		rpm -q --provides -p rpm/RPMS/*/"$1"-[0-9]*.rpm | grep "^bundled" | LC_ALL=C sort' sh "$1" \
		>"$tools/work/rpm/bundled"
	diff -u "$tools/work/rpm/linked" "$tools/work/rpm/bundled" || fail "$1: rbshim.spec names other crates than it brings"
}

case ${1:-} in
build)
	workplace "$tools" rpm "$TARBALL" "$tool_tarball" "$top/packaging/check/systemd.macros"
	# --nodeps: the build requirements have Fedora's names, and are here as Debian packages.
	in_root "$tools" builder sh -euc 'rpmbuild --load rpm/systemd.macros \
		--define "_topdir /work/rpm" --nodeps -ta "rpm/$1"' sh "${TARBALL##*/}"
	find "$workplace" -name '*.rpm'
	;;
lint)
	bundles rbshim "$tool_tarball"
	bundles rbshim-libs "$TARBALL"
	cp "$top/packaging/rpm/rpmlint.toml" "$tools/work/rpm"
	in_root "$tools" builder sh -euc '
		cd rpm
		rpmlint --strict --config rpmlint.toml SRPMS/*.rpm RPMS/*/*.rpm'
	;;
install)
	# Without scripts: the root has neither ldconfig nor systemctl.
	in_root "$tools" root sh -euc '
		cd rpm
		rpm="rpm --root=/work/rpm/root"
		rm -rf root
		mkdir root
		$rpm --initdb
		$rpm -i --nodeps --noscripts RPMS/*/*.rpm
		packages="rbshim rbshim-libs rbshim-devel rbshim-static rbshim-dlopen"
		$rpm -V --nodeps --noscripts $packages
		for package in $packages; do
			echo "$package:"
			$rpm -ql "$package" | sed "s/^/  /"
		done
		find root/usr ! -type d ! -path "*/.build-id/*" ! -path "root/usr/lib/sysimage/*" \
			! -path "root/usr/lib/debug/*" ! -path "root/usr/src/debug/*" -printf "usr/%P\n" >files
		$rpm -q --scripts rbshim | grep "preset rbshim-watch.service"
		! $rpm -q --scripts rbshim | grep -E "systemctl.* (enable|start) "'
	try_tool rpm/root
	in_root "$tools" root sh -euc '
		cd rpm
		rpm="rpm --root=/work/rpm/root"
		$rpm -e --noscripts $($rpm -qa)
		left=$(find root ! -type d ! -path "*/var/lib/rpm/*" ! -path "*/usr/lib/sysimage/*")
		[ -z "$left" ] || { echo "rpm -e leaves $left"; exit 1; }'
	same_as_make_install RPMs <"$tools/work/rpm/files"
	;;
*) fail 'usage: rpm.sh build|lint|install' ;;
esac
