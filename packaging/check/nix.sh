#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# The Nix expressions: built by nix-build, with nixpkgs.nix in place of nixpkgs. Not checked here: nixpkgs itself and
# its standard environment.
set -eu
. "$(dirname "$0")/lib.sh"

workplace "$tools" nix "$TARBALL" "$tool_tarball" "$top"/packaging/nix/*.nix "$top/packaging/check/nixpkgs.nix"
new_sources
recipe sh -euc '
	cd nix
	export NIX_STORE_DIR=/work/nix/store NIX_STATE_DIR=/work/nix/state NIX_LOG_DIR=/work/nix/log NIX_CONF_DIR=/work/nix
	nix-instantiate --eval --strict -E "(import ./default.nix { pkgs = import ./nixpkgs.nix; }).rbshim.version"
	nix-build --option sandbox false --arg pkgs "import ./nixpkgs.nix" --arg src "./$1" --arg toolSrc "./$2" \
		-A librbshim.all -A rbshim.all --out-link result default.nix
	find -H $(readlink -f result*) ! -type d >files
	cat files' sh "${TARBALL##*/}" "${tool_tarball##*/}"
{
	# The program has a link to the library.
	sed -E -e '\,^/work/nix/store/[^/]*-rbshim-[^/]*/lib/librbshim\.so\.1$,d' -e 's,^/work/nix/store/[^/]*/,usr/,' \
		"$workplace/files"
	# The expressions do not build the front.
	grep '^usr/lib/rbshim/' "$CHECK/files"
} | same_as_make_install 'Nix outputs'
