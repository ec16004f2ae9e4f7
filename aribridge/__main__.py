"""``python -m aribridge``."""

from aribridge.cli import main

if __name__ == "__main__":
    main()
