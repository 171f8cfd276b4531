"""What can go wrong with the servers.

ServersError: one line for a person, exit code 2 of `python -m servers`.
"""


class ServersError(Exception):
    """The servers cannot be installed, started or stopped; the message says why and what to do."""
