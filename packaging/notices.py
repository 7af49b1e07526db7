#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""notices.py BILL: prints the licenses of the crates that are linked in, which want to go along with the program.

Reads the bill of materials that sbom.py has made, and vendor/ in the current folder. Where a crate may be taken under
the MIT license among others, that one is printed.
"""

import json
import pathlib
import re
import sys
import tomllib

NAME = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def texts(folder):
    found = sorted(file for file in folder.iterdir() if file.is_file() and NAME.match(file.name))
    mit = [file for file in found if "mit" in file.name.lower()]
    return mit or found


folders = {}
for folder in pathlib.Path("vendor").iterdir():
    package = tomllib.loads((folder / "Cargo.toml").read_text())["package"]
    folders[package["name"], package["version"]] = folder, package

for crate in json.loads(pathlib.Path(sys.argv[1]).read_text())["components"]:
    if crate["scope"] != "required":
        continue
    folder, package = folders[crate["name"], crate["version"]]
    print("=" * 80)
    print(f"{crate['name']} {crate['version']}: {crate['licenses'][0]['expression']}")
    # Some have no text of their own.
    for author in package.get("authors", []):
        print(f"    {author}")
    for file in texts(folder):
        print(f"\n{file.read_text().strip()}")
    print()
