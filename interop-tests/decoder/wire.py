"""The data types of RFC 4251 section 5, read and written."""


class Fault(Exception):
    """What was recorded is no SSH session, or not the one that the key log is about."""


class Reader:
    """Takes a message apart from its front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        piece = self.data[self.at : self.at + n]
        if len(piece) != n:
            raise Fault("a message ends in the middle of a field")
        self.at += n
        return piece

    def byte(self):
        return self.take(1)[0]

    def uint32(self):
        return int.from_bytes(self.take(4), "big")

    def string(self):
        return self.take(self.uint32())

    def mpint(self):
        return int.from_bytes(self.string(), "big", signed=True)

    def names(self):
        text = self.string().decode("ascii")
        return text.split(",") if text else []

    def end(self):
        if self.at != len(self.data):
            raise Fault("%d bytes behind a message" % (len(self.data) - self.at))


def uint32(n):
    return n.to_bytes(4, "big")


def string(data):
    return uint32(len(data)) + data


def mpint(n):
    return string(n.to_bytes((n.bit_length() + 8) // 8, "big") if n else b"")
