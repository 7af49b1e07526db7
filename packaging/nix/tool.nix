# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# The program for operators. src, toolSrc: the release tarballs, the second one with its crates.
{ lib, stdenv, cargo, rustc, librbshim, src, toolSrc }:

stdenv.mkDerivation {
  pname = "rbshim";
  version = "1.0.0";
  srcs = [ src toolSrc ];
  sourceRoot = "rbshim-1.0.0";
  postUnpack = "ln -s ../rbshim-tool-1.0.0 rbshim-1.0.0/tool";

  outputs = [ "out" "man" ];

  nativeBuildInputs = [ cargo rustc ];
  makeFlags = [
    "CARGOFLAGS=--offline"
    "PREFIX=${placeholder "out"}"
    "MANDIR=${placeholder "man"}/share/man"
  ];
  buildFlags = [ "tool" ];
  installTargets = [ "install-tool" ];

  # Where `rbshim run` looks first; there is no folder of the system for it to look into.
  postInstall = ''
    mkdir -p $out/lib
    ln -s ${librbshim}/lib/librbshim.so.1 $out/lib/
  '';

  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    PATH=$out/bin:$PATH sh packaging/check/tool.sh
    runHook postInstallCheck
  '';

  meta = {
    description = "Sees BPF ring buffers, finds the stuck reader and wakes it";
    homepage = "https://crates.io/crates/rbshim";
    license = with lib.licenses; [ lgpl21Only bsd2 asl20 boost llvm-exception mit unlicense zlib ];
    mainProgram = "rbshim";
    platforms = lib.platforms.linux;
    badPlatforms = [ lib.systems.inspect.patterns.is32bit ];
  };
}
