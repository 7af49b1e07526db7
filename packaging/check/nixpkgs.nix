# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# As much of nixpkgs as packaging/nix uses: callPackage, and phases that run with the programs of the system around it.
let
  lib = {
    licenses = { 
      lgpl21Only.spdxId = "LGPL-2.1-only";
      bsd2.spdxId = "BSD-2-Clause";
      asl20.spdxId = "Apache-2.0";
      boost.spdxId = "BSL-1.0";
      llvm-exception.spdxId = "LLVM-exception";
      mit.spdxId = "MIT";
      unlicense.spdxId = "Unlicense";
      zlib.spdxId = "Zlib";
     };
    platforms.linux = [ "x86_64-linux" "aarch64-linux" ];
    systems.inspect.patterns.is32bit.cpu.bits = 32;
  };
  ofTheSystem = null;
  stdenv.mkDerivation = { makeFlags, outputs, meta, doCheck ? false, doInstallCheck ? false, ... }@args:
    assert doCheck || doInstallCheck;
    derivation (removeAttrs args [ "meta" ] // {
      name = "${args.pname}-${args.version}";
      system = builtins.currentSystem;
      PATH = "/usr/bin:/bin";
      # lib.sh's.
      BUILD = builtins.getEnv "BUILD";
      MAKEFLAGS = builtins.getEnv "MAKEFLAGS";
      inherit makeFlags;
      builder = "/bin/sh";
      args = [ "-euc" ''
        runHook() { :; }
        cd "$BUILD"
        rm -rf ./*
        for source in ''${srcs:-$src}; do
          tar xf "$source"
        done
        eval "''${postUnpack:-}"
        cd "''${sourceRoot:-$(echo */)}"
        export HOME="$PWD"
        make $makeFlags ''${buildFlags:-}
        eval "''${checkPhase:-}"
        make ''${installTargets:-install} $makeFlags
        eval "''${postInstall:-}"
        eval "''${installCheckPhase:-}"
        for output in $outputs; do
          eval "ls -d \"\''${$output}\""
        done
      '' ];
    });
in
{
  callPackage = file: overrides:
    let
      all = { inherit lib stdenv; cargo = ofTheSystem; rustc = ofTheSystem; pkg-config = ofTheSystem; } // overrides;
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) all);
}
