"""Codecs of uuid, timeuuid, inet and blob."""

import ipaddress
import re
from dataclasses import dataclass

import polars as pl

from customer_ingestapps.codecs.codec import BinaryCodec, Cell, by_value, where

_UUID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
_TIME_UUID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-1[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$"
_ADDRESS = r"[0-9A-Fa-f.:]{2,45}"  # no zone index such as %eth0
_HEX = r"^0x(?:[0-9A-Fa-f]{2})*$"
_BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


@dataclass(frozen=True)
class UuidCodec(BinaryCodec):
    """uuid of any version, and timeuuid."""

    is_time: bool = False
    width = 16

    @property
    def allowed(self) -> str:
        """The layout and version."""
        version = " of version 1" if self.is_time else ""
        return f"a UUID{version}, such as 123e4567-e89b-12d3-a456-426614174000"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give 16 bytes."""
        text = where(text.str.contains(_TIME_UUID if self.is_time else _UUID), text)
        return text.str.replace_all("-", "", literal=True).str.decode("hex", strict=False)


class InetCodec(BinaryCodec):
    """inet: an IPv4 or IPv6 address; 010.0.0.1 is none, as some take it for octal."""

    allowed = "an IP address, such as 192.0.2.1 or 2001:db8::1, without leading zeros, mask or zone"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give 4 or 16 bytes."""
        return by_value(text, _address)


@dataclass(frozen=True)
class BlobCodec(BinaryCodec):
    """blob: hexadecimal digits behind 0x, or base64 where that is declared."""

    is_base64: bool = False

    @property
    def allowed(self) -> str:
        """The layout."""
        return "base64 with padding" if self.is_base64 else "0x and an even number of hexadecimal digits"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the bytes."""
        if self.is_base64:
            return where(text.str.contains(_BASE64) & (text != ""), text).str.decode("base64", strict=False)
        return where(text.str.contains(_HEX), text).str.slice(2).str.decode("hex", strict=False)


def _address(text: str) -> Cell:
    if not re.fullmatch(_ADDRESS, text):
        return None
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        return None
