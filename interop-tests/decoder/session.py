"""A whole session from the bytes of its two directions and its key log."""

import zlib

import signatures
from ciphers import Clear
from exchange import C2S, S2C, Exchange, Offer, Result
from wire import Fault, Reader, string

KEXINIT, NEWKEYS = 20, 21
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS = 50, 51, 52
NAMES = ["c2s", "s2c"]
HOST_BOUND = b"publickey-hostbound-v00@openssh.com"
# What a server answers to one message of a client's authentication.
ANSWERS = (USERAUTH_FAILURE, USERAUTH_SUCCESS, 60)
ASKS = (USERAUTH_REQUEST, 61)


class Direction:
    """The bytes of one side, and how far they are read."""

    def __init__(self, way, data):
        self.way, self.data, self.at = way, data, 0
        self.ident = None
        self.opener, self.seq, self.epoch = Clear(), 0, 0
        self.inflater = None
        # Messages of authentication: what the client asks, what the server answers.
        self.spoken = 0
        self.waits = False


class Session:
    """Reads both directions; `lines` tells what was found."""

    def __init__(self, wire, key_log):
        self.ways = [Direction(way, data) for way, data in enumerate(wire)]
        self.key_log = key_log
        self.exchanges = [Exchange()]
        self.session_id, self.strict = None, False
        # How many messages of the client's authentication went before the last one's success.
        self.success_after = None
        self.signed = 0
        self.lines = []

    def decode(self):
        moved = True
        while moved:
            moved = any([self.step(way) for way in self.ways])
        for way in self.ways:
            # New keys that came last have protected nothing yet; they are checked all the same.
            if way.waits:
                self.take_keys(way)
            left = len(way.data) - way.at
            if left:
                raise Fault("%d bytes of %s are not accounted for" % (left, NAMES[way.way]))
            if way.ident is None or way.epoch == 0:
                raise Fault("%s ends before its first keys" % NAMES[way.way])
        return self.lines

    def step(self, way):
        """One line or packet; false where nothing can be read now."""
        if way.ident is None:
            return self.identification(way)
        if way.waits and not self.take_keys(way):
            return False
        if self.compression_is_unclear(way):
            return False
        found = way.opener.open(way.data[way.at : way.at + 300_000], way.seq)
        if found is None:
            return False
        packet, wire_len = found
        padding = packet[0]
        payload = packet[1 : len(packet) - padding]
        if padding < 4 or not payload:
            raise Fault("packet %d of %s has %d bytes of padding" % (way.seq, NAMES[way.way], padding))
        if way.inflater:
            payload = way.inflater.decompress(payload)
        self.lines.append(
            "packet %s %d %d %d %d %d %s"
            % (NAMES[way.way], way.seq, way.epoch, way.at, wire_len, padding, payload.hex())
        )
        way.at += wire_len
        way.seq = (way.seq + 1) % 2**32
        self.message(way, payload)
        return True

    def identification(self, way):
        end = way.data.find(b"\n", way.at)
        if end < 0:
            return False
        line = way.data[way.at : end + 1]
        if line.startswith(b"SSH-"):
            way.ident = line.rstrip(b"\r\n")
        elif way.way == C2S:
            raise Fault("the client says something before its identification")
        self.lines.append("ident %s %d %d" % (NAMES[way.way], way.at, len(line)))
        way.at = end + 1
        return True

    def message(self, way, payload):
        number = payload[0]
        if self.strict and way.epoch == 0 and not (20 <= number <= 49):
            raise Fault("message %d within a strict key exchange" % number)
        if number == KEXINIT:
            self.exchange(way).offers[way.way] = Offer(payload)
            if way.epoch == 0 and all(self.exchanges[0].offers):
                self.strict = self.exchanges[0].strict()
        elif number == NEWKEYS:
            self.exchange(way).done[way.way] = True
            way.epoch += 1
            way.waits = True
        elif 30 <= number <= 49:
            self.exchange(way).message(way.way, payload)
        elif number in (ASKS, ANSWERS)[way.way]:
            way.spoken += 1
            if number == USERAUTH_REQUEST:
                self.user_signature(payload)
            if number == USERAUTH_SUCCESS:
                self.success_after = way.spoken
                self.compress(way)

    def exchange(self, way):
        """The one that this direction is in."""
        while len(self.exchanges) <= way.epoch:
            self.exchanges.append(Exchange())
        return self.exchanges[way.epoch]

    def take_keys(self, way):
        """New keys for what follows NEWKEYS, once the other side's half is there."""
        exchange = self.exchanges[way.epoch - 1]
        if not exchange.complete():
            return False
        if exchange.result is None:
            idents = [one.ident for one in self.ways]
            exchange.result = Result(exchange, idents, self.key_log, self.session_id)
            self.session_id = exchange.result.session_id
            self.tell(exchange.result)
        way.waits = False
        way.opener = exchange.result.opener(way.way)
        if self.strict:
            way.seq = 0
        if way.inflater:
            self.compress(way)
        return True

    def tell(self, result):
        keys = {**result.keys(C2S), **result.keys(S2C)}
        shown = " ".join("%s=%s" % (letter.decode(), keys[letter].hex()) for letter in sorted(keys))
        self.lines.append(
            "exchange %s %s %s %s %s %s %s"
            % (
                result.method,
                result.host_key,
                ",".join(result.ciphers),
                ",".join(mac or "-" for mac in result.macs),
                result.h.hex(),
                result.session_id.hex(),
                shown,
            )
        )

    def compress(self, way):
        if self.exchanges[way.epoch - 1].result.zlib[way.way]:
            way.inflater = zlib.decompressobj()

    def compression_is_unclear(self, way):
        """A client compresses what follows the request that was granted; which one that was stands
        in the other direction."""
        if way.way != C2S or way.inflater or way.epoch == 0:
            return False
        result = self.exchanges[way.epoch - 1].result
        if not result.zlib[C2S] or way.spoken == 0:
            return False
        server = self.ways[S2C]
        if self.success_after is None:
            return server.spoken < way.spoken
        if way.spoken >= self.success_after:
            self.compress(way)
        return False

    def user_signature(self, payload):
        """RFC 4252 section 7: a login's signature binds it to this session; OpenSSH's second form of
        it also to the host key."""
        reader = Reader(payload[1:])
        reader.string(), reader.string()
        method = reader.string()
        if method not in (b"publickey", HOST_BOUND) or reader.byte() == 0:
            return
        algorithm, key = reader.string().decode("ascii"), reader.string()
        if method == HOST_BOUND and reader.string() != self.exchanges[0].result.host_key_blob:
            raise Fault("a login at a server with another key")
        signed = string(self.session_id) + payload[: 1 + reader.at]
        signature = reader.string()
        reader.end()
        signatures.verify(algorithm, key, signature, signed)
        self.signed += 1
        self.lines.append("login %s" % algorithm)
