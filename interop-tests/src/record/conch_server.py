"""A server of Twisted Conch: PORT HOST_KEY USER_PUBLIC_KEY."""

import sys

from twisted.conch import avatar, checkers
from twisted.conch.ssh import factory, keys, session
from twisted.cred import portal
from twisted.internet import reactor
from twisted.python import components
from zope.interface import implementer

PORT, HOST_KEY, USER_KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Avatar(avatar.ConchUser):
    def __init__(self):
        avatar.ConchUser.__init__(self)
        self.channelLookup[b"session"] = session.SSHSession


@implementer(session.ISession)
class Session:
    def __init__(self, avatar):
        self.process = None

    def getPty(self, term, size, modes):
        raise OSError("no terminals here")

    def openShell(self, protocol):
        raise OSError("no shells here")

    def execCommand(self, protocol, command):
        self.process = reactor.spawnProcess(protocol, "/bin/sh", ["sh", "-c", command])

    def eofReceived(self):
        pass

    def closed(self):
        pass


components.registerAdapter(Session, Avatar, session.ISession)


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, name, mind, *interfaces):
        return interfaces[0], Avatar(), lambda: None


class Factory(factory.SSHFactory):
    publicKeys = {b"ssh-ed25519": keys.Key.fromFile(HOST_KEY).public()}
    privateKeys = {b"ssh-ed25519": keys.Key.fromFile(HOST_KEY)}

    def getPrimes(self):
        return None


users = checkers.InMemorySSHKeyDB({b"somebody": [keys.Key.fromFile(USER_KEY)]})
Factory.portal = portal.Portal(Realm(), [checkers.SSHPublicKeyChecker(users)])
reactor.listenTCP(PORT, Factory(), interface="127.0.0.1")
print("listening", flush=True)
reactor.run()
