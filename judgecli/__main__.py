"""`python -m judgecli` is `judge`."""

from judgecli.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
