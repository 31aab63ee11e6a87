"""A client of Twisted Conch: PORT USER_KEY USER COMMAND."""

import sys

from twisted.conch.ssh import channel, common, connection, keys, transport, userauth
from twisted.internet import defer, protocol, reactor

PORT, KEY, USER, COMMAND = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Transport(transport.SSHClientTransport):
    def verifyHostKey(self, key, fingerprint):
        return defer.succeed(True)

    secure = False

    def connectionSecure(self):
        # It is called again after each later key exchange.
        if not self.secure:
            self.secure = True
            self.requestService(Auth(USER.encode(), Connection()))

    def connectionLost(self, reason):
        if reactor.running:
            reactor.stop()


class Auth(userauth.SSHUserAuthClient):
    def getPublicKey(self):
        return keys.Key.fromFile(KEY).public() if self.tried_key() else None

    def tried_key(self):
        first, self.asked = not getattr(self, "asked", False), True
        return first

    def getPrivateKey(self):
        return defer.succeed(keys.Key.fromFile(KEY))


class Connection(connection.SSHConnection):
    def serviceStarted(self):
        self.openChannel(Channel(conn=self))


class Channel(channel.SSHChannel):
    name = b"session"

    def channelOpen(self, data):
        asked = self.conn.sendRequest(self, "exec", common.NS(COMMAND.encode()), wantReply=1)
        asked.addCallback(lambda _: self.conn.sendEOF(self))

    def dataReceived(self, data):
        sys.stdout.buffer.write(data)
        sys.stdout.flush()

    def closed(self):
        self.loseConnection()
        self.conn.transport.loseConnection()


protocol.ClientCreator(reactor, Transport).connectTCP("127.0.0.1", PORT)
reactor.run()
