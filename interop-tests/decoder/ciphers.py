"""One direction of the binary packet protocol (RFC 4253 section 6) with each cipher and MAC."""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

from wire import Fault, uint32

# The longest packet that anybody sends here.
PACKET_MAX = 256 * 1024
TAG = 16


def length(head):
    n = int.from_bytes(head, "big")
    if not 5 <= n <= PACKET_MAX:
        raise Fault("a packet of %d bytes" % n)
    return n


class Clear:
    """Before the first keys."""

    block = 8

    def open(self, data, seq):
        """What a packet at the front of `data` holds (padding length, payload, padding) and its
        bytes on the wire; nothing where it is not whole."""
        if len(data) < 4:
            return None
        n = length(data[:4])
        if len(data) < 4 + n:
            return None
        self.align(4 + n)
        return data[4 : 4 + n], 4 + n

    def align(self, n):
        if n % self.block:
            raise Fault("a packet is no multiple of %d bytes" % self.block)


class ChaCha(Clear):
    """chacha20-poly1305@openssh.com: one key for lengths, one for the rest."""

    key_len, iv_len = 64, 0

    def __init__(self, key, iv, mac):
        self.main, self.head = key[:32], key[32:]

    @staticmethod
    def stream(key, counter, seq, data):
        nonce = counter.to_bytes(8, "little") + seq.to_bytes(8, "big")
        return Cipher(algorithms.ChaCha20(key, nonce), None).encryptor().update(data)

    def open(self, data, seq):
        if len(data) < 4:
            return None
        n = length(self.stream(self.head, 0, seq, data[:4]))
        whole = 4 + n + TAG
        if len(data) < whole:
            return None
        self.align(n)
        try:
            key = self.stream(self.main, 0, seq, bytes(32))
            Poly1305.verify_tag(key, data[: 4 + n], data[4 + n : whole])
        except InvalidSignature:
            raise Fault("a wrong tag") from None
        return self.stream(self.main, 1, seq, data[4 : 4 + n]), whole


class Gcm(Clear):
    """AES-GCM (RFC 5647): the length is seen, the nonce counts."""

    block, iv_len = 16, 12

    def __init__(self, key, iv, mac):
        self.aead, self.fixed, self.counter = AESGCM(key), iv[:4], int.from_bytes(iv[4:], "big")

    def open(self, data, seq):
        if len(data) < 4:
            return None
        n = length(data[:4])
        whole = 4 + n + TAG
        if len(data) < whole:
            return None
        self.align(n)
        nonce = self.fixed + self.counter.to_bytes(8, "big")
        self.counter = (self.counter + 1) % 2**64
        try:
            return self.aead.decrypt(nonce, data[4:whole], data[:4]), whole
        except InvalidTag:
            raise Fault("a wrong tag") from None


class Ctr(Clear):
    """AES in counter mode (RFC 4344) with a MAC of the plaintext or, with -etm, of what is sent."""

    block, iv_len = 16, 16

    def __init__(self, key, iv, mac):
        self.cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).decryptor()
        self.mac = mac
        self.begun = b""

    def open(self, data, seq):
        n = self.whole(data)
        end = None if n is None else 4 + n + self.mac.size
        if n is None or len(data) < end:
            return None
        if self.mac.etm:
            self.align(n)
            self.mac.verify(seq, data[: 4 + n], data[4 + n : end])
            return self.cipher.update(data[4 : 4 + n]), end
        self.align(4 + n)
        packet = self.begun + self.cipher.update(data[self.block : 4 + n])
        self.begun = b""
        self.mac.verify(seq, packet, data[4 + n : end])
        return packet[4:], end

    def whole(self, data):
        """The length of the packet, once it can be known."""
        if self.mac.etm:
            return length(data[:4]) if len(data) >= 4 else None
        if not self.begun:
            if len(data) < self.block:
                return None
            self.begun = self.cipher.update(data[: self.block])
        return length(self.begun[:4])


class Mac:
    """An HMAC (RFC 6668) over the sequence number and a packet."""

    def __init__(self, name, key):
        self.hash, self.etm = MACS[name]
        self.key, self.size = key, hashlib.new(self.hash).digest_size

    def verify(self, seq, data, tag):
        right = hmac.new(self.key, uint32(seq) + data, self.hash).digest()
        if not hmac.compare_digest(right, tag):
            raise Fault("a wrong MAC")


MACS = {
    "hmac-sha2-256-etm@openssh.com": ("sha256", True),
    "hmac-sha2-512-etm@openssh.com": ("sha512", True),
    "hmac-sha1-etm@openssh.com": ("sha1", True),
    "hmac-sha2-256": ("sha256", False),
    "hmac-sha2-512": ("sha512", False),
    "hmac-sha1": ("sha1", False),
}
# Name: how it works, bytes of its key.
CIPHERS = {
    "chacha20-poly1305@openssh.com": (ChaCha, 64),
    "aes128-gcm@openssh.com": (Gcm, 16),
    "aes256-gcm@openssh.com": (Gcm, 32),
    "aes128-ctr": (Ctr, 16),
    "aes192-ctr": (Ctr, 24),
    "aes256-ctr": (Ctr, 32),
}


def counts_alone(cipher):
    """Whether a cipher needs no MAC beside it."""
    return CIPHERS[cipher][0] is not Ctr
