#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Puts the crates that the crate in the current folder is built from into vendor/, with .cargo/config.toml for them.

Cargo wants to see every crate that a manifest names, even those for Windows alone. The ones that no Linux target
needs are left as names: an empty crate with the same features and no dependencies. Cargo.lock keeps its versions and
loses what is not named any more. CARGO is honoured.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tomllib

CARGO = shlex.split(os.environ.get("CARGO") or "cargo")
VENDOR = pathlib.Path("vendor")

# One of each kind that crates tell apart: C library, word size, byte order, architecture.
TARGETS = [
    f"{machine}-unknown-linux-{library}"
    for machine, library in [
        ("x86_64", "gnu"),
        ("x86_64", "musl"),
        ("aarch64", "gnu"),
        ("aarch64", "musl"),
        ("armv7", "gnueabihf"),
        ("i686", "gnu"),
        ("loongarch64", "gnu"),
        ("powerpc64le", "gnu"),
        ("riscv64gc", "gnu"),
        ("s390x", "gnu"),
    ]
]

CONFIG = """\
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "vendor"
"""


def cargo(*arguments):
    command = [*CARGO, *arguments]
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    except OSError as error:
        sys.exit(f"vendor: {command[0]}: {error.strerror}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"vendor: {shlex.join(command)}: exit status {error.returncode}")


def metadata(*flags):
    return json.loads(cargo("metadata", "--format-version", "1", "--quiet", *flags))


def needed():
    """Ids of the packages that one of the targets needs."""
    ids = set()
    for target in TARGETS:
        ids |= {node["id"] for node in metadata("--locked", "--filter-platform", target)["resolve"]["nodes"]}
    return ids


def locked():
    """(name, version) of each crate of the lock file."""
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())
    return {(each["name"], each["version"]) for each in lock["package"] if "source" in each}


def folders():
    """Where each crate has been put: the version is part of the name only where there are several."""
    found = {}
    for folder in VENDOR.iterdir():
        package = tomllib.loads((folder / "Cargo.toml").read_text())["package"]
        found[package["name"], package["version"]] = folder
    return found


def empty(folder, package):
    checksum = json.loads((folder / ".cargo-checksum.json").read_text())["package"]
    shutil.rmtree(folder)
    (folder / "src").mkdir(parents=True)
    (folder / "src/lib.rs").touch()
    lines = ["# Empty: no Linux target needs it.", "[package]"]
    lines += [f"{key} = {json.dumps(package[key])}" for key in ("name", "version", "edition")]
    lines += ["[features]", *(f"{json.dumps(name)} = []" for name in sorted(package["features"]))]
    (folder / "Cargo.toml").write_text("\n".join(lines) + "\n")
    (folder / ".cargo-checksum.json").write_text(json.dumps({"files": {}, "package": checksum}))


# Drops what nothing names any more.
packages = metadata()["packages"]
kept = needed()
cargo("vendor", "--locked", "--quiet", str(VENDOR))
config = pathlib.Path(".cargo/config.toml")
config.parent.mkdir(exist_ok=True)
config.write_text(CONFIG)
places = folders()
for package in packages:
    if package["source"] and package["id"] not in kept:
        empty(places[package["name"], package["version"]], package)
metadata("--offline")
for crate in places.keys() - locked():
    shutil.rmtree(places[crate])
metadata("--locked", "--offline")
