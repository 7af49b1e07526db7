#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""sbom.py [FOLDER]: prints the bill of materials of the library build, or of that of the crate in a folder: CycloneDX
1.5, the same bytes for the same sources.

Lists the crates that `cargo build` compiles: those in the library or program, and those that only the compiler runs,
for build scripts and macros (scope "excluded"). What is used of Rust's core and std comes with the compiler and is not
listed. CARGO, CARGOFLAGS and CARGO_BUILD_TARGET are honoured; with SOURCE_DATE_EPOCH the document has a
timestamp.
"""

import datetime
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tomllib
import urllib.parse

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
CARGO = shlex.split(os.environ.get("CARGO") or "cargo")


def cargo(*arguments):
    command = [*CARGO, *arguments]
    try:
        return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    except OSError as error:
        sys.exit(f"sbom: {command[0]}: {error.strerror}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"sbom: {shlex.join(command)}: exit status {error.returncode}")


def target():
    version = dict(line.split(": ", 1) for line in cargo("-vV").splitlines() if ": " in line)
    return os.environ.get("CARGO_BUILD_TARGET") or version["host"]


def metadata():
    flags = shlex.split(os.environ.get("CARGOFLAGS", ""))
    # For one target: else cargo would want the crates of all others.
    return json.loads(
        cargo("metadata", "--format-version", "1", "--locked", "--filter-platform", target(), *flags)
    )


def reached(root, edges, kinds, left_out=frozenset()):
    """Package ids from `root` on, by edges of these kinds, without those left out and what only they need."""
    found, rest = set(), [root]
    while rest:
        package = rest.pop()
        if package not in found and package not in left_out:
            found.add(package)
            rest += [to for to, kind in edges[package] if kind in kinds]
    return found - {root}


def is_macro(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


def is_program(package):
    return any("bin" in target["kind"] for target in package["targets"])


def purl(package):
    return f"pkg:cargo/{package['name']}@{urllib.parse.quote(package['version'], safe='')}"


def component(package, checksums):
    described = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "description": " ".join(package["description"].split()),
        "licenses": [{"expression": " ".join(package["license"].replace("/", " OR ").split())}],
        "purl": purl(package),
    }
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def document():
    graph = metadata()
    packages = {package["id"]: package for package in graph["packages"]}
    edges = {
        node["id"]: [(to["pkg"], kind["kind"]) for to in node["deps"] for kind in to["dep_kinds"]]
        for node in graph["resolve"]["nodes"]
    }
    root = graph["resolve"]["root"]
    macros = {package["id"] for package in graph["packages"] if is_macro(package)}
    runtime = reached(root, edges, {None}, macros)
    all_crates = reached(root, edges, {None, "build"})
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {(each["name"], each["version"]): each.get("checksum") for each in lock["package"]}

    components = []
    for crate in sorted(all_crates, key=lambda crate: purl(packages[crate])):
        described = component(packages[crate], checksums)
        described["scope"] = "required" if crate in runtime else "excluded"
        components.append(described)
    described = {"component": component(packages[root], checksums)}
    if is_program(packages[root]):
        described["component"]["type"] = "application"
    if "SOURCE_DATE_EPOCH" in os.environ:
        at = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
        described["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    dependencies = [
        {
            "ref": purl(packages[crate]),
            "dependsOn": sorted(
                {purl(packages[to]) for to, kind in edges[crate] if kind != "dev" and to in all_crates}
            ),
        }
        for crate in {root} | all_crates
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": described,
        "components": components,
        "dependencies": sorted(dependencies, key=lambda each: each["ref"]),
        # Rust's core and std are missing.
        "compositions": [{"aggregate": "incomplete", "assemblies": [purl(packages[root])]}],
    }


print(json.dumps(document(), indent=2, sort_keys=True))
