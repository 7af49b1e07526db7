# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# make dist; nix-build packaging/nix
{
  pkgs ? import <nixpkgs> { },
  src ? ../../target/dist/rbshim-1.0.0.tar.xz,
}:

pkgs.callPackage ./package.nix { inherit src; }
