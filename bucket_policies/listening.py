"""Listening at an address that a setting names; where that cannot be, it is one line."""

import socket

from bucket_policies.errors import SettingsError

ADDRESS = r"^.+:\d{1,5}$"
"""What such a setting looks like."""


def open_listener(address: str) -> socket.socket:
    """Listen at `host:port`; port 0 is any that is free.

    Raises:
        SettingsError: the address cannot be used, or another process does.
    """
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"cannot listen at {address}: {error}") from error
