"""Makes docs/differences.md from the tests that hold the differences.

    differences.py REPOSITORY [--update]

A difference is two lines of the documentation of a test, in any folder `tests`; each ends with a full stop and may go on in
the next line:

    /// The service: reads without `ConsistentRead` may be behind.
    /// Here: every read sees what was acknowledged.
    #[test]
    fn reads_see_what_was_acknowledged() {

Without --update it fails if the page is not in step.
"""

import re
import sys
from pathlib import Path

HEAD = """# Differences from the service

`dist/site/build --update` makes this page from the tests that hold these differences; without the option it fails if the page is not
in step. How far each operation goes is in [OPERATIONS.md](../wire/OPERATIONS.md).

| the service | here | test |
|---|---|---|
"""
FOLDERS = ["wire/tests", "cli/tests", "tests"]
TEST = re.compile(r"((?:^[ \t]*///.*\n)+)(?:^[ \t]*#\[.*\]\n)*?^[ \t]*#\[test\]\n(?:^[ \t]*#\[.*\]\n)*^[ \t]*fn (\w+)\(\)", re.M)
PAIR = re.compile(r"The service: (.+?)\.? Here: (.+?)\.?$", re.S)


def page(top):
    rows = []
    for folder in FOLDERS:
        for path in sorted((top / folder).rglob("*.rs")):
            for doc, test in TEST.findall(path.read_text()):
                text = " ".join(line.strip().removeprefix("///").strip() for line in doc.splitlines())
                if "The service: " not in text:
                    continue
                pair = PAIR.search(text)
                if pair is None:
                    sys.exit(f"{path}: {test} says what the service does and not what is done here")
                service, here = (part.strip() for part in pair.groups())
                rows.append(f"| {service} | {here} | `{path.relative_to(top)}` `{test}` |\n")
    return HEAD + "".join(rows)


def main(top, *options):
    path, made = top / "docs/differences.md", page(top)
    if "--update" in options:
        path.write_text(made)
    elif path.read_text() != made:
        sys.exit("docs/differences.md is not in step with the tests; dist/site/build --update writes it")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
