"""The program `repro`, also as `python -m repro`."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C gives exit code 130 and no traceback, as soon as Python has come this far."""
    try:
        from repro import interrupts

        interrupts.end_at_once()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(130) from None
    from repro.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
