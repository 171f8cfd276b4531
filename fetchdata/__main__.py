"""The start, before anything that takes time to import: which Python runs this, and Ctrl-C from here on.

An older Python can read this module too, and say that it is too old.
"""

import sys

MINIMUM = (3, 11)
USAGE = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command, or say in one line why it cannot run."""
    if sys.version_info < MINIMUM:
        running, needed = (".".join(map(str, version[:2])) for version in (sys.version_info, MINIMUM))
        sys.stderr.write(f"fetchdata: Python {needed} or newer is needed, this is {running}\n")
        sys.exit(USAGE)
    try:
        from fetchdata import cli  # noqa: PLC0415 -- half a second in which Ctrl-C may come

        code = cli.run(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
