#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# rpm.sh build|lint|install
set -eu
. "$(dirname "$0")/lib.sh"

case ${1:-} in
build)
	workplace "$tools" rpm "$TARBALL"
	# --nodeps: the build requirements have Fedora's names, and are here as Debian packages.
	in_root "$tools" builder sh -euc 'rpmbuild --define "_topdir /work/rpm" --nodeps -ta "rpm/$1"' sh "${TARBALL##*/}"
	find "$workplace" -name '*.rpm'
	;;
lint)
	for crate in libc once_cell; do
		locked=$(sed -n "/^name = \"$crate\"/{n;s/^version = \"\(.*\)\"/\1/p;}" "$top/Cargo.lock")
		grep -q "^Provides: *bundled(crate($crate)) = $locked\$" "$top/packaging/rpm/rbshim.spec" ||
			fail "rbshim.spec does not say that it brings $crate $locked"
	done
	cp "$top/packaging/rpm/rpmlint.toml" "$tools/work/rpm"
	in_root "$tools" builder sh -euc '
		cd rpm
		rpmlint --strict --config rpmlint.toml SRPMS/*.rpm RPMS/*/*.rpm'
	;;
install)
	# Without scripts: the root has no ldconfig, which is the only one.
	in_root "$tools" root sh -euc '
		cd rpm
		rpm="rpm --root=/work/rpm/root"
		rm -rf root
		mkdir root
		$rpm --initdb
		$rpm -i --nodeps --noscripts RPMS/*/*.rpm
		$rpm -V --nodeps --noscripts rbshim rbshim-devel rbshim-static rbshim-dlopen
		for package in rbshim rbshim-devel rbshim-static rbshim-dlopen; do
			echo "$package:"
			$rpm -ql "$package" | sed "s/^/  /"
		done
		find root/usr ! -type d ! -path "*/.build-id/*" ! -path "root/usr/lib/sysimage/*" \
			! -path "root/usr/lib/debug/*" ! -path "root/usr/src/debug/*" -printf "usr/%P\n" >files
		$rpm -e --noscripts $($rpm -qa)
		left=$(find root ! -type d ! -path "*/var/lib/rpm/*" ! -path "*/usr/lib/sysimage/*")
		[ -z "$left" ] || { echo "rpm -e leaves $left"; exit 1; }'
	same_as_make_install RPMs <"$tools/work/rpm/files"
	;;
*) fail 'usage: rpm.sh build|lint|install' ;;
esac
