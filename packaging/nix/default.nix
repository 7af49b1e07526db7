# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# make dist; nix-build packaging/nix
# The library, librbshim, and the program for operators, rbshim.
{
  pkgs ? import <nixpkgs> { },
  src ? ../../target/dist/rbshim-1.0.0.tar.xz,
  toolSrc ? ../../target/dist/rbshim-tool-1.0.0.tar.xz,
}:

rec {
  librbshim = pkgs.callPackage ./library.nix { inherit src; };
  rbshim = pkgs.callPackage ./tool.nix { inherit librbshim src toolSrc; };
}
