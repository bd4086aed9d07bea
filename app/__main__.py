"""Starts the command line; the workstation is loaded only when it is asked for."""

from __future__ import annotations

import signal
import sys
import warnings


def main() -> None:
    """Run the command named by the arguments and exit with its status."""
    # A script that starts the program in the background hands on "ignore"; Ctrl-C must cancel.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # What a library finds odd in a file is judged by the program, not printed between its lines.
    warnings.filterwarnings("ignore", module="pydicom|highdicom")
    try:
        from app.cli.main import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the program was still starting
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
