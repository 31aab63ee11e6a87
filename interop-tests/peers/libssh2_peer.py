"""libssh2, by its binding ssh2-python, as a client of tsshd.

client PORT USER KEY HOST_PUBLIC_KEY REKEY_BYTES exec COMMAND
client ... local LISTEN TO | remote LISTEN TO

Prints "ready" once it listens. One channel at a time: the binding is not for threads.
"""

import base64
import os
import select
import socket
import sys

from ssh2.error_codes import LIBSSH2_ERROR_EAGAIN
from ssh2.session import LIBSSH2_HOSTKEY_TYPE_UNKNOWN, Session

LOOPBACK = "127.0.0.1"
PIECE = 32768
WAIT_SECONDS = 0.2


def log_in(port, user, key, host_key):
    connection = socket.create_connection((LOOPBACK, int(port)))
    session = Session()
    session.handshake(connection)
    with open(host_key) as file:
        expected = base64.b64decode(file.read().split()[1])
    shown, kind = session.hostkey()
    if shown != expected or kind == LIBSSH2_HOSTKEY_TYPE_UNKNOWN:
        sys.exit("another host key")
    session.userauth_publickey_fromfile(user, key)
    return connection, session


class Relay:
    """Both directions of one channel, and of one descriptor or two."""

    def __init__(self, connection, session, channel, read_from, write_to, errors_to=None):
        self.connection, self.session, self.channel = connection, session, channel
        self.read_from, self.write_to, self.errors_to = read_from, write_to, errors_to
        self.pending, self.sent_eof = b"", False

    def run(self):
        self.session.set_blocking(False)
        while not self.step():
            pass
        self.session.set_blocking(True)

    def step(self):
        moved = self.receive(self.channel.read, self.write_to)
        if self.errors_to:
            moved |= self.receive(self.channel.read_stderr, self.errors_to)
        moved |= self.send()
        if self.channel.eof() and not moved:
            return True
        if not moved:
            wanted = [self.connection]
            if not self.pending and self.read_from is not None:
                wanted.append(self.read_from)
            select.select(wanted, [self.connection] if self.pending else [], [], WAIT_SECONDS)
        return False

    @staticmethod
    def receive(read, write):
        size, data = read(PIECE)
        if size <= 0:
            return False
        write(data)
        return True

    def send(self):
        if not self.pending and self.read_from is not None:
            if not select.select([self.read_from], [], [], 0)[0]:
                return False
            self.pending = os.read(self.read_from, PIECE)
            if not self.pending:
                self.read_from = None
        if self.pending:
            code, written = self.channel.write(self.pending)
            self.pending = self.pending[written:]
            return written > 0
        if self.read_from is None and not self.sent_eof:
            self.sent_eof = self.channel.send_eof() != LIBSSH2_ERROR_EAGAIN
            return self.sent_eof
        return False


def write_all(number):
    def write(data):
        while data:
            data = data[os.write(number, data) :]

    return write


def execute(connection, session, command):
    channel = session.open_session()
    channel.execute(command)
    Relay(connection, session, channel, 0, write_all(1), write_all(2)).run()
    channel.close()
    channel.wait_closed()
    return channel.get_exit_status()


def join(connection, session, channel, plain):
    relay = Relay(connection, session, channel, plain.fileno(), plain.sendall)
    relay.run()
    plain.shutdown(socket.SHUT_WR)
    # What the plain side still says.
    session.set_blocking(False)
    while relay.read_from is not None or relay.pending or not relay.sent_eof:
        if not relay.send():
            select.select([plain], [connection] if relay.pending else [], [], WAIT_SECONDS)
    session.set_blocking(True)
    channel.close()
    plain.close()


def forward_local(connection, session, port, to):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(8)
    print("ready", flush=True)
    while 0 not in (waiting := select.select([0, listener], [], [])[0]) or listener in waiting:
        plain, _ = listener.accept()
        join(connection, session, session.direct_tcpip(LOOPBACK, to), plain)


def forward_remote(connection, session, port, to):
    listener, _ = session.forward_listen_ex(8, LOOPBACK, port)
    print("ready", flush=True)
    while 0 not in (waiting := select.select([0, connection], [], [])[0]) or connection in waiting:
        channel = listener.forward_accept()
        join(connection, session, channel, socket.create_connection((LOOPBACK, to)))


def main(_, port, user, key, host_key, _rekey, mode, *more):
    connection, session = log_in(port, user, key, host_key)
    if mode == "exec":
        status = execute(connection, session, more[0])
    else:
        act = forward_local if mode == "local" else forward_remote
        act(connection, session, int(more[0]), int(more[1]))
        status = 0
    session.disconnect()
    return status


sys.exit(main(*sys.argv[1:]))
