"""Runs the program in the place of this process."""

import os
import subprocess
import sys

from . import ServerError, binary_path


def main() -> None:
    try:
        line = [binary_path(), *sys.argv[1:]]
    except ServerError as error:
        sys.exit(f"hashrange: {error}")
    if sys.platform == "win32":
        sys.exit(subprocess.call(line))
    os.execv(line[0], line)


if __name__ == "__main__":
    main()
