"""paramiko as a peer of tssh.

server PORT HOST_KEY USER_PUBLIC_KEY REKEY_BYTES
client PORT USER KEY HOST_PUBLIC_KEY REKEY_BYTES exec COMMAND
client ... local LISTEN TO | remote LISTEN TO

Prints "ready" once it listens; a client that forwards ends with its standard input.
"""

import base64
import os
import socket
import subprocess
import sys
import threading

import paramiko
from paramiko.packet import Packetizer

LOOPBACK = "127.0.0.1"
PIECE = 32768


def in_background(act, *arguments):
    thread = threading.Thread(target=act, args=arguments, daemon=True)
    thread.start()
    return thread


class Transport(paramiko.Transport):
    """Answers during a key exchange once that is over.

    paramiko answers CHANNEL_CLOSE and the like on the thread that reads. When its own KEXINIT is
    on the way, the answer waits for the end of an exchange which that thread alone can read, and
    the connection dies after 30 seconds.
    """

    def __init__(self, connection):
        self.later = []
        super().__init__(connection)

    def _send_user_message(self, data):
        if threading.current_thread() is self and not self.clear_to_send.is_set():
            self.later.append(data)
        else:
            super()._send_user_message(data)

    def _parse_newkeys(self, m):
        super()._parse_newkeys(m)
        later, self.later = self.later, []
        for data in later:
            super()._send_user_message(data)


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(64)
    return listener


def copy(read, write, end):
    try:
        while data := read(PIECE):
            write(data)
    except OSError:
        pass
    try:
        end()
    except OSError:
        pass


def join(channel, plain):
    """Relays both ways, each direction to its own end."""
    there = in_background(copy, plain.recv, channel.sendall, channel.shutdown_write)
    copy(channel.recv, plain.sendall, lambda: plain.shutdown(socket.SHUT_WR))
    there.join()
    channel.close()
    plain.close()


def read_key(path):
    with open(path) as file:
        blob = file.read().split()[1]
    return paramiko.Ed25519Key(data=base64.b64decode(blob))


class Server(paramiko.ServerInterface):
    def __init__(self, user_key, transport):
        self.user_key, self.transport, self.listeners = user_key, transport, {}

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        good = key == self.user_key
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        if kind == "session":
            return paramiko.OPEN_SUCCEEDED
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        in_background(run, channel, command)
        return True

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        try:
            plain = socket.create_connection(destination)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self.transport.waiting[chanid] = plain
        return paramiko.OPEN_SUCCEEDED

    def check_port_forward_request(self, address, port):
        try:
            listener = listen(port)
        except OSError:
            return False
        self.listeners[port] = listener
        in_background(self.take, listener, address)
        return listener.getsockname()[1]

    def cancel_port_forward_request(self, address, port):
        self.listeners.pop(port).close()

    def take(self, listener, address):
        while True:
            try:
                plain, peer = listener.accept()
            except OSError:
                return
            here = (address, listener.getsockname()[1])
            in_background(self.offer, plain, peer, here)

    def offer(self, plain, peer, here):
        try:
            channel = self.transport.open_forwarded_tcpip_channel(peer, here)
        except paramiko.SSHException:
            plain.close()
            return
        join(channel, plain)


def run(channel, command):
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, shell=True, stdin=pipe, stdout=pipe, stderr=pipe)

    def feed(data):
        child.stdin.write(data)
        child.stdin.flush()

    in_background(copy, channel.recv, feed, child.stdin.close)
    errors = in_background(
        copy, child.stderr.read1, channel.sendall_stderr, lambda: None
    )
    copy(child.stdout.read1, channel.sendall, lambda: None)
    errors.join()
    channel.send_exit_status(child.wait())
    channel.shutdown_write()
    channel.close()


def serve_one(connection, host_key, user_key):
    transport = Transport(connection)
    transport.waiting = {}
    transport.add_server_key(host_key)
    transport.start_server(server=Server(user_key, transport))
    while transport.is_active():
        channel = transport.accept(1)
        plain = channel and transport.waiting.pop(channel.get_id(), None)
        if plain:
            in_background(join, channel, plain)


def serve(port, host_key, user_key):
    host_key = paramiko.Ed25519Key.from_private_key_file(host_key)
    user_key = read_key(user_key)
    listener = listen(int(port))
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        in_background(serve_one, connection, host_key, user_key)


def execute(transport, command):
    channel = transport.open_session()
    channel.exec_command(command)
    in_background(
        copy, lambda size: os.read(0, size), channel.sendall, channel.shutdown_write
    )
    errors = in_background(
        copy, channel.recv_stderr, lambda data: os.write(2, data), lambda: None
    )
    copy(channel.recv, sys.stdout.buffer.write, sys.stdout.flush)
    errors.join()
    return channel.recv_exit_status()


def forward_local(transport, port, to):
    listener = listen(port)

    def take():
        while True:
            plain, peer = listener.accept()
            in_background(open_one, plain, peer)

    def open_one(plain, peer):
        channel = transport.open_channel("direct-tcpip", (LOOPBACK, to), peer)
        join(channel, plain)

    in_background(take)


def forward_remote(transport, port, to):
    def arrived(channel, origin, server):
        in_background(lambda: join(channel, socket.create_connection((LOOPBACK, to))))

    # paramiko sets the handler after the reply, and refuses what comes in between.
    transport._tcp_handler = arrived
    transport.request_port_forward(LOOPBACK, port, handler=arrived)


def call(port, user, key, host_key, mode, *more):
    transport = Transport((LOOPBACK, int(port)))
    transport.connect(
        hostkey=read_key(host_key),
        username=user,
        pkey=paramiko.Ed25519Key.from_private_key_file(key),
    )
    if mode == "exec":
        status = execute(transport, more[0])
    else:
        act = forward_local if mode == "local" else forward_remote
        act(transport, int(more[0]), int(more[1]))
        print("ready", flush=True)
        sys.stdin.buffer.read()
        status = 0
    transport.close()
    return status


def main(role, *arguments):
    at = 3 if role == "server" else 4
    rekey = int(arguments[at])
    if rekey:
        Packetizer.REKEY_BYTES = rekey
    rest = arguments[:at] + arguments[at + 1 :]
    return serve(*rest) if role == "server" else call(*rest)


sys.exit(main(*sys.argv[1:]))
