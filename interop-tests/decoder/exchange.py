"""A key exchange: what was agreed on, the exchange hash, its signature, and the six keys (RFC 4253
sections 7 and 8)."""

import functools
import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

import signatures
from ciphers import CIPHERS, MACS, Mac, counts_alone
from wire import Fault, Reader, mpint, string, uint32

# Name: hash, and the form of the messages.
METHODS = {
    "mlkem768x25519-sha256": ("sha256", "hybrid"),
    "sntrup761x25519-sha512": ("sha512", "hybrid"),
    "sntrup761x25519-sha512@openssh.com": ("sha512", "hybrid"),
    "curve25519-sha256": ("sha256", "x25519"),
    "curve25519-sha256@libssh.org": ("sha256", "x25519"),
    "ecdh-sha2-nistp256": ("sha256", "ecdh"),
    "ecdh-sha2-nistp384": ("sha384", "ecdh"),
    "ecdh-sha2-nistp521": ("sha512", "ecdh"),
    "diffie-hellman-group-exchange-sha256": ("sha256", "gex"),
    "diffie-hellman-group16-sha512": ("sha512", "dh"),
    "diffie-hellman-group18-sha512": ("sha512", "dh"),
    "diffie-hellman-group14-sha256": ("sha256", "dh"),
}
# RFC 3526: bits of the group, and the constant that makes it a safe prime.
GROUPS = {
    "diffie-hellman-group14-sha256": (2048, 124476),
    "diffie-hellman-group16-sha512": (4096, 240904),
    "diffie-hellman-group18-sha512": (8192, 4743158),
}
C2S, S2C = 0, 1


def inverse_tangent(n, unit):
    """arctan(1/n) in parts of `unit`."""
    total = term = unit // n
    k, sign = 3, -1
    while term:
        term //= n * n
        total += sign * (term // k)
        k, sign = k + 2, -sign
    return total


@functools.lru_cache(None)
def group(method):
    """2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + c)"""
    bits, c = GROUPS[method]
    unit = 1 << (bits + 64)
    pi = 4 * (4 * inverse_tangent(5, unit) - inverse_tangent(239, unit))
    return 2**bits - 2 ** (bits - 64) - 1 + 2**64 * ((pi >> 194) + c)


class Offer:
    """A KEXINIT."""

    def __init__(self, payload):
        self.payload = payload
        reader = Reader(payload)
        reader.byte()
        self.cookie = reader.take(16)
        self.lists = [reader.names() for _ in range(10)]
        self.follows = reader.byte() != 0
        reader.uint32()
        reader.end()

    def guess(self):
        return [names[:1] for names in self.lists[:2]]


class Exchange:
    """One exchange, from both directions."""

    def __init__(self):
        self.offers = [None, None]
        # Messages 30 to 49, and whether NEWKEYS followed.
        self.messages, self.done = [[], []], [False, False]
        self.result = None

    def message(self, way, payload):
        self.messages[way].append(payload)

    def complete(self):
        return all(self.done) and all(self.offers)

    def strict(self):
        return (
            "kex-strict-c-v00@openssh.com" in self.offers[C2S].lists[0]
            and "kex-strict-s-v00@openssh.com" in self.offers[S2C].lists[0]
        )

    def choose(self, n, what):
        """RFC 4253 section 7.1: the first name of the client's that the server has too."""
        client, server = (offer.lists[n] for offer in self.offers)
        for name in client:
            if name in server:
                return name
        raise Fault("no common %s" % what)


class Result:
    """What an exchange comes to."""

    def __init__(self, exchange, idents, key_log, session_id):
        self.method = exchange.choose(0, "key exchange")
        self.host_key = exchange.choose(1, "host key algorithm")
        self.ciphers = [exchange.choose(2 + way, "cipher") for way in (C2S, S2C)]
        self.macs = [
            None if counts_alone(self.ciphers[way]) else exchange.choose(4 + way, "MAC")
            for way in (C2S, S2C)
        ]
        self.zlib = [
            exchange.choose(6 + way, "compression") == "zlib@openssh.com" for way in (C2S, S2C)
        ]
        self.hash, self.form = METHODS[self.method]
        offers, messages = exchange.offers, exchange.messages
        if offers[C2S].guess() != offers[S2C].guess():
            messages = [m[offers[way].follows :] for way, m in enumerate(messages)]
        known = key_log.of(offers[C2S].cookie) + key_log.of(offers[S2C].cookie)
        if not known:
            raise Fault("no secret for the cookie %s" % offers[C2S].cookie.hex())
        shared, signature, key = self.read(messages)
        self.k = self.secret(known)
        hashed = b"".join(
            [string(text) for text in (*idents, offers[C2S].payload, offers[S2C].payload, key)]
        )
        self.h = hashlib.new(self.hash, hashed + shared + self.k).digest()
        signatures.verify(self.host_key, key, signature, self.h)
        self.host_key_blob = key
        self.session_id = session_id or self.h

    def read(self, messages):
        """What the method adds to the exchange hash, the signature, and the host key."""
        numbers = [[m[0] for m in own] for own in messages]
        wanted = [[34, 32], [31, 33]] if self.form == "gex" else [[30], [31]]
        if numbers != wanted:
            raise Fault("messages %s in a key exchange of %s" % (numbers, self.method))
        client, server = Reader(messages[C2S][-1][1:]), Reader(messages[S2C][-1][1:])
        key = server.string()
        shares = b""
        if self.form == "gex":
            sizes, chosen = Reader(messages[C2S][0][1:]), Reader(messages[S2C][0][1:])
            bounds = sizes.take(12)
            self.p, g = chosen.mpint(), chosen.mpint()
            sizes.end()
            chosen.end()
            low, high = (int.from_bytes(bounds[at : at + 4], "big") for at in (0, 8))
            if not low <= self.p.bit_length() <= high:
                raise Fault("a group of %d bits" % self.p.bit_length())
            shares = bounds + mpint(self.p) + mpint(g)
        if self.form == "dh":
            self.p = group(self.method)
        if self.form in ("gex", "dh"):
            e, self.share = client.mpint(), server.mpint()
            shares += mpint(e) + mpint(self.share)
        else:
            q, self.share = client.string(), server.string()
            shares += string(q) + string(self.share)
        signature = server.string()
        client.end()
        server.end()
        return shares, signature, key

    def secret(self, known):
        """K as it enters the hash: every line of the key log must give the same."""
        found = {self.from_line(kind, value) for kind, value in known} - {None}
        if len(found) != 1:
            raise Fault("the key log has %d secrets for one exchange" % len(found))
        return found.pop()

    def from_line(self, kind, value):
        if kind == "SHARED_SECRET":
            # The hybrids have a hash of both secrets as a string.
            return string(value) if self.form == "hybrid" else mpint(int.from_bytes(value, "big"))
        if self.form == "x25519":
            own = X25519PrivateKey.from_private_bytes(value)
            shared = own.exchange(X25519PublicKey.from_public_bytes(self.share))
            return mpint(int.from_bytes(shared, "big"))
        if self.form in ("dh", "gex"):
            return mpint(pow(self.share, int.from_bytes(value, "big"), self.p))
        return None

    def key(self, letter, size):
        """RFC 4253 section 7.2"""
        begin = self.k + self.h
        key = hashlib.new(self.hash, begin + letter + self.session_id).digest()
        while len(key) < size:
            key += hashlib.new(self.hash, begin + key).digest()
        return key[:size]

    def keys(self, way):
        """Initial IV, encryption key and integrity key of a direction, with their letters."""
        kind, key_len = CIPHERS[self.ciphers[way]]
        mac = self.macs[way]
        mac_len = hashlib.new(MACS[mac][0]).digest_size if mac else 0
        letters = [b"ACE", b"BDF"][way]
        sizes = (kind.iv_len, key_len, mac_len)
        return {letters[n : n + 1]: self.key(letters[n : n + 1], size) for n, size in enumerate(sizes)}

    def opener(self, way):
        iv, key, mac = self.keys(way).values()
        name = self.macs[way]
        return CIPHERS[self.ciphers[way]][0](key, iv, Mac(name, mac) if name else None)


class KeyLog:
    """A key log, in both forms of its lines."""

    def __init__(self, text):
        self.lines = {}
        for line in text.splitlines():
            words = line.split()
            if len(words) == 2:
                words.insert(1, "PRIVATE_KEY")
            cookie, kind, value = words
            own = self.lines.setdefault(bytes.fromhex(cookie), [])
            own.append((kind, bytes.fromhex(value)))

    def of(self, cookie):
        return self.lines.get(cookie, [])
