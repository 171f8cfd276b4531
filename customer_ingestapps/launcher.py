"""The first thing in an app's process: takes limits upon itself, then becomes the app.

Started by its path with `python -I -S`, in the sandbox, where nothing else of ours is.
"""

import ctypes
import json
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the limits that the first argument names, and execute the others."""
    limits, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for name, wanted in json.loads(limits).items():
        kind = getattr(resource, name)
        _, most = resource.getrlimit(kind)
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (limit, limit))
    try:
        os.execvp(command[0], command)  # noqa: S606 - it becomes the app
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
