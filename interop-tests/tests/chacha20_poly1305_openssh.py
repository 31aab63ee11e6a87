"""chacha20-poly1305@openssh.com from RFC 8439's two functions and OpenSSH's description, without
any library: reads lines of "key sequence packet" in hexadecimal, writes each packet sealed."""

import struct
import sys

MASK = 0xFFFFFFFF
CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)


def block(key, counter, nonce):
    """RFC 8439 section 2.3 with D. J. Bernstein's nonce and counter of 64 bits each."""
    start = CONSTANTS + key + (counter & MASK, counter >> 32) + nonce
    x = list(start)

    def quarter(a, b, c, d):
        x[a] = (x[a] + x[b]) & MASK
        t = x[d] ^ x[a]
        x[d] = ((t << 16) & MASK) | (t >> 16)
        x[c] = (x[c] + x[d]) & MASK
        t = x[b] ^ x[c]
        x[b] = ((t << 12) & MASK) | (t >> 20)
        x[a] = (x[a] + x[b]) & MASK
        t = x[d] ^ x[a]
        x[d] = ((t << 8) & MASK) | (t >> 24)
        x[c] = (x[c] + x[d]) & MASK
        t = x[b] ^ x[c]
        x[b] = ((t << 7) & MASK) | (t >> 25)

    for _ in range(10):
        quarter(0, 4, 8, 12)
        quarter(1, 5, 9, 13)
        quarter(2, 6, 10, 14)
        quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15)
        quarter(1, 6, 11, 12)
        quarter(2, 7, 8, 13)
        quarter(3, 4, 9, 14)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(x, start)))


def xor(key, counter, nonce, data):
    stream = b"".join(block(key, counter + i, nonce) for i in range((len(data) + 63) // 64))
    return bytes(a ^ b for a, b in zip(data, stream))


def poly1305(key, data):
    """RFC 8439 section 2.5."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(data), 16):
        piece = data[i : i + 16] + b"\x01"
        total = (total + int.from_bytes(piece, "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], "little")) % (1 << 128)).to_bytes(16, "little")


def seal(key, sequence, packet):
    """PROTOCOL.chacha20poly1305: K_2 is the first half of the key and seals the payload from block
    1, its block 0 gives the key of the tag; K_1 seals the length."""
    main, header = struct.unpack("<8I", key[:32]), struct.unpack("<8I", key[32:])
    nonce = struct.unpack("<2I", struct.pack(">Q", sequence))
    sealed = xor(header, 0, nonce, packet[:4]) + xor(main, 1, nonce, packet[4:])
    return sealed + poly1305(block(main, 0, nonce)[:32], sealed)


for line in sys.stdin:
    words = line.split()
    print(seal(bytes.fromhex(words[0]), int(words[1], 16), bytes.fromhex(words[2])).hex())
