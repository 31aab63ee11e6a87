"""Twisted Conch as a server for tssh.

server PORT HOST_KEY USER_PUBLIC_KEY REKEY_BYTES

Prints "ready" once it listens. The users' names do not matter.
"""

import sys

from twisted.conch import avatar, checkers
from twisted.conch.ssh import factory, forwarding, keys, session
from twisted.cred import portal
from twisted.internet import reactor
from twisted.python import components
from zope.interface import implementer

LOOPBACK = "127.0.0.1"


class Avatar(avatar.ConchUser):
    def __init__(self):
        avatar.ConchUser.__init__(self)
        self.listeners = {}
        self.channelLookup[b"session"] = session.SSHSession
        self.channelLookup[b"direct-tcpip"] = forwarding.openConnectForwardingClient

    def global_tcpip_forward(self, data):
        host, port = forwarding.unpackGlobal_tcpip_forward(data)
        made = forwarding.SSHListenForwardingFactory(
            self.conn, (host, port), forwarding.SSHListenServerForwardingChannel
        )
        try:
            listener = reactor.listenTCP(port, made, interface=LOOPBACK)
        except OSError:
            return 0
        self.listeners[port] = listener
        return 1 if port else (1, forwarding.packGlobal_tcpip_forward((host, port)))

    def global_cancel_tcpip_forward(self, data):
        _, port = forwarding.unpackGlobal_tcpip_forward(data)
        self.listeners.pop(port).stopListening()
        return 1

    def logout(self):
        for listener in self.listeners.values():
            listener.stopListening()


@implementer(session.ISession, session.ISessionSetEnv)
class Session:
    def __init__(self, avatar):
        self.process = None

    def setEnv(self, name, value):
        raise session.EnvironmentVariableNotPermitted()

    def getPty(self, term, size, modes):
        raise OSError("no terminals here")

    def openShell(self, protocol):
        raise OSError("no shells here")

    def execCommand(self, protocol, command):
        self.process = reactor.spawnProcess(protocol, "/bin/sh", ["sh", "-c", command])

    def eofReceived(self):
        if self.process:
            self.process.closeStdin()

    def closed(self):
        pass


components.registerAdapter(Session, Avatar, session.ISession)


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, name, mind, *interfaces):
        user = Avatar()
        return interfaces[0], user, user.logout


class AnyName:
    """The one key, whoever asks."""

    def __init__(self, key):
        self.key = key

    def getAuthorizedKeys(self, name):
        return [self.key]


def main(_, port, host_key, user_key, _rekey):
    host = keys.Key.fromFile(host_key)

    class Factory(factory.SSHFactory):
        publicKeys = {b"ssh-ed25519": host.public()}
        privateKeys = {b"ssh-ed25519": host}

        def getPrimes(self):
            return None

    users = AnyName(keys.Key.fromFile(user_key))
    Factory.portal = portal.Portal(Realm(), [checkers.SSHPublicKeyChecker(users)])
    reactor.listenTCP(int(port), Factory(), interface=LOOPBACK)
    print("ready", flush=True)
    reactor.run()


main(*sys.argv[1:])
