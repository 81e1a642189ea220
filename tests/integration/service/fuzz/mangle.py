"""Damages encoded messages: cut, flipped, nested or doubled bytes, and fields of the wrong type."""

from __future__ import annotations

from random import Random


def varint(number: int) -> bytes:
    """Encodes a number as a varint."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def damage(rng: Random, body: bytes, other: bytes) -> bytes:  # noqa: PLR0912 - one branch for each kind of damage
    """Returns a damaged `body`. `other` is the body of another request."""
    at = rng.randrange(len(body) + 1)
    field = rng.choice([1, 2, 3, 7, 15, 16, 2_000, 50_000, 2**29 - 1])
    depth = rng.choice([1, 50, 101, 5_000, 100_000])
    match rng.randrange(14):
        case 0:
            return body[:at]
        case 1:
            flipped = bytearray(body or b"\0")
            for _ in range(rng.randint(1, 4)):
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case 2:
            return body[:at] + rng.randbytes(rng.randint(1, 12)) + body[at:]
        case 3:
            return rng.randbytes(rng.randint(1, 200))
        case 4:
            return body + rng.choice([b"\xff" * 10, b"\xff" * 11 + b"\x01", b"\x00", b"\x07", b"\x80" * 9 + b"\x01"])
        case 5:  # a field of the wrong wire type: varint, fixed64, length-delimited, fixed32
            wrong = [b"\x01", b"\x00" * 8, b"\x01a", b"\x00" * 4]
            kind = rng.choice([0, 1, 2, 5])
            return body + varint(field << 3 | kind) + wrong[(0, 1, 2, 5).index(kind)]
        case 6:  # groups, with and without their end
            return body + varint(field << 3 | 3) * depth + varint(field << 3 | 4) * rng.choice([depth, depth - 1, 0])
        case 7:  # messages in messages
            nested = b""
            for _ in range(min(depth, 2_000)):
                nested = varint(field << 3 | 2) + varint(len(nested)) + nested
            return body + nested
        case 8:
            return body + varint(1 << 3 | 2) + rng.choice([b"\x02\xff\xfe", b"\x03\xed\xa0\x80", b"\x02\xc0\x80"])
        case 9:  # a length beyond the end, beyond 32 bits and beyond 64 bits
            return body + varint(field << 3 | 2) + rng.choice([b"\x7f", b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01"])
        case 10:
            return body + other
        case 11:
            return body + body
        case 12:  # unknown fields, which are valid
            return body + (varint(50_000 << 3 | 2) + varint(100) + bytes(100)) * rng.choice([1, 1_000])
        case _:
            return bytes(rng.choice([0, 1, 1_000, 100_000]))
