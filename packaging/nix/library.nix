# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# The library. src: its release tarball, which holds its crates.
{ lib, stdenv, cargo, rustc, pkg-config, src }:

stdenv.mkDerivation {
  pname = "librbshim";
  version = "1.0.0";
  inherit src;

  outputs = [ "out" "dev" "man" ];

  nativeBuildInputs = [ cargo rustc ];
  nativeCheckInputs = [ pkg-config ];
  enableParallelBuilding = true;
  makeFlags = [
    "CARGOFLAGS=--offline"
    "PREFIX=${placeholder "out"}"
    "INCLUDEDIR=${placeholder "dev"}/include"
    "PKGCONFIGDIR=${placeholder "dev"}/lib/pkgconfig"
    "CMAKEDIR=${placeholder "dev"}/lib/cmake/rbshim"
    "MANDIR=${placeholder "man"}/share/man"
  ];

  doCheck = true;
  checkPhase = ''
    runHook preCheck
    CARGOFLAGS=--offline sh packaging/check/smoke.sh --build
    runHook postCheck
  '';

  meta = {
    description = "libbpf's ring buffer API that loses no wake-ups";
    homepage = "https://crates.io/crates/rbshim";
    license = with lib.licenses; [ lgpl21Only bsd2 ];
    platforms = lib.platforms.linux;
    pkgConfigModules = [ "rbshim" ];
  };
}
