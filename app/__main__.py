"""Starts the command line; the workstation is loaded only when it is asked for."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command named by the arguments and exit with its status."""
    from app.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
