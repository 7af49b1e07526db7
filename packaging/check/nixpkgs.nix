# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# As much of nixpkgs as packaging/nix uses: callPackage, and phases that run with the programs of the system around it.
let
  lib = {
    licenses = { lgpl21Only.spdxId = "LGPL-2.1-only"; bsd2.spdxId = "BSD-2-Clause"; };
    platforms.linux = [ "x86_64-linux" "aarch64-linux" ];
  };
  ofTheSystem = null;
  stdenv.mkDerivation = { makeFlags, outputs, meta, checkPhase, doCheck, ... }@args:
    assert doCheck;
    derivation (removeAttrs args [ "meta" ] // {
      name = "${args.pname}-${args.version}";
      system = builtins.currentSystem;
      PATH = "/usr/bin:/bin";
      inherit makeFlags;
      builder = "/bin/sh";
      args = [ "-euc" ''
        runHook() { :; }
        tar xf "$src"
        cd "$pname-$version"
        export HOME="$PWD"
        make $makeFlags
        eval "$checkPhase"
        make install $makeFlags
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
