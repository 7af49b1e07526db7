#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Draws what a terminal shows, its colours included, as SVG: picture.py SCREEN PICTURE. Needs `rich`."""

import sys

from rich.console import Console
from rich.text import Text

# Without rich's frame of a window, and without its font, which a reader's browser would fetch from elsewhere.
FORMAT = """\
<!-- SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font: {char_height}px monospace; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="100%" height="100%" rx="6" fill="#1d1f21"/>
<g transform="translate(8, 24)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""

screen, picture = sys.argv[1:]
lines = [Text.from_ansi(line) for line in open(screen, encoding="utf-8").read().rstrip("\n").split("\n")]
width = max(line.cell_len for line in lines) + 1
with open("/dev/null", "w", encoding="utf-8") as nowhere:
    console = Console(record=True, width=width, file=nowhere, force_terminal=True)
    for line in lines:
        console.print(line, no_wrap=True)
    console.save_svg(picture, title="", code_format=FORMAT, unique_id="top")
