"""The start of `bucket-policies`, before anything that takes time to import: Ctrl-C ends it from here on."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command."""
    try:
        from bucket_policies import cli  # noqa: PLC0415 - a second in which Ctrl-C may come

        cli.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
