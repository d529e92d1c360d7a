"""Lays out the book's sources from the repository's pages, and makes those that come from elsewhere.

    stage.py REPOSITORY STAGE PROGRAM

- docs/commands.md: from the program itself (`hashrange manual`).
- docs/dependencies.md: from `cargo tree`.
- docs/sdks.md: from the snippets in dist/sdk, which dist/sdk/check runs.
- docs/comparison.md: with the table of BENCHMARKS.md.
- docs/differences.md: differences.py makes it.
- Links to files of the repository that are no pages become links into the repository, if the file is there.

Fails if a page of docs/ is not in SUMMARY.md, and if a link leads to nothing.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = "https://github.com/hashrange/hashrange/blob/main/"
top, stage, program = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
src = stage / "src"
faults = []

summary = (top / "dist/site/SUMMARY.md").read_text()
pages = re.findall(r"\]\(([^)]+\.md)\)", summary)
made = {}
made["docs/commands.md"] = (
    "<!-- made by `hashrange manual` -->\n" + subprocess.run([program, "manual"], check=True, capture_output=True, text=True).stdout
)


def brought(crate):
    """The crates that a crate brings with its default features on Linux, those of this project not counted."""
    tree = ["cargo", "tree", "--locked", "-p", crate, "-e", "normal", "--prefix", "none", "--target", "x86_64-unknown-linux-gnu"]
    lines = subprocess.run(tree, check=True, capture_output=True, text=True, cwd=top).stdout.splitlines()
    return sorted({" ".join(line.split()[:2]) for line in lines if line and not line.startswith(("hashrange ", "hashrange-"))})


counts = [f"| `{crate}` | {len(brought(crate))} |\n" for crate in ("hashrange", "hashrange-derive", "hashrange-wire", "hashrange-console", "hashrange-cli")]
made["docs/dependencies.md"] = (
    "# Dependencies\n\nWhat `cargo add` of a crate brings along with its default features on Linux, the crates of this project not counted.\n\n"
    "| crate | crates it brings |\n|---|---|\n" + "".join(counts) + "\nThose of the engine, `hashrange`, all of them:\n\n"
    + "".join(f"- {name}\n" for name in brought("hashrange"))
)

languages = [
    ("Python", "snippet.py", "python"),
    ("Node.js", "snippet.mjs", "js"),
    ("Rust", "rust/src/main.rs", "rust,ignore"),
    ("Go", "go/main.go", "go"),
    ("Java", "java/Snippet.java", "java"),
    (".NET", "dotnet/Program.cs", "csharp"),
]
sdks = ["# SDKs of six languages\n", "Each is a whole program. `dist/sdk/check` runs those whose SDK can be installed on the machine, and says which it did not run.\n"]
for name, file, fence in languages:
    sdks.append(f"## {name}\n\n```{fence}\n{(top / 'dist/sdk' / file).read_text().rstrip()}\n```\n")
made["docs/sdks.md"] = "\n".join(sdks)

table = re.search(r"^\| operations a second \|.*?(?=\n\n)", (top / "BENCHMARKS.md").read_text(), re.S | re.M)
if table is None:
    faults.append("BENCHMARKS.md has no table `operations a second`, which docs/comparison.md shows")
comparison = (top / "docs/comparison.md").read_text()
made["docs/comparison.md"] = re.sub(r"<!-- measured: .*? -->", lambda _: table.group(0) if table else "", comparison)

for page in sorted(path.name for path in (top / "docs").glob("*.md")):
    if f"docs/{page}" not in pages:
        faults.append(f"docs/{page} is not in dist/site/SUMMARY.md")


def outside(page):
    """Rewrites links to files that are no pages."""

    def rewrite(match):
        text, target = match.group(1), match.group(2)
        if re.match(r"[a-z]+:|#", target):
            return match.group(0)
        file, _, part = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), file))
        if path in pages:
            return match.group(0)
        if not (top / path).exists():
            faults.append(f"{page}: the link to {target} leads to nothing")
        return f"[{text}]({REPOSITORY}{path}{'#' + part if part else ''})"

    return rewrite


for page in pages:
    text = made.get(page)
    if text is None:
        path = top / page
        if not path.exists():
            faults.append(f"SUMMARY.md names {page}, which is not there")
            continue
        text = path.read_text()
    blocks = re.split(r"(^```.*?^```$)", text, flags=re.S | re.M)
    blocks[::2] = [re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", outside(page), block) for block in blocks[::2]]
    target = src / page
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(blocks))
(src / "SUMMARY.md").write_text(summary)
(stage / "book.toml").write_text((top / "dist/site/book.toml").read_text())
if faults:
    sys.exit("\n".join(faults))
