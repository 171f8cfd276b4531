"""Variable-length integers of the native protocol: leading ones say how many bytes follow the first."""

_MOST_BYTES = 9


def unsigned_vint(number: int) -> bytes:
    """Give an integer from 0 to 2⁶⁴ - 1.

    >>> unsigned_vint(127).hex(), unsigned_vint(200).hex()
    ('7f', '80c8')
    """
    size = min(max(-(-number.bit_length() // 7), 1), _MOST_BYTES)
    marks = (0xFF00 >> (size - 1)) & 0xFF
    body = bytearray(number.to_bytes(size, "big"))
    body[0] |= marks
    return bytes(body)


def signed_vint(number: int) -> bytes:
    """Give an integer from -2⁶³ to 2⁶³ - 1 by zigzag: 0, -1, 1, -2 are sent as 0, 1, 2, 3.

    >>> signed_vint(-2).hex()
    '03'
    """
    return unsigned_vint(number << 1 if number >= 0 else (~number << 1) | 1)
