"""A session of Paramiko's, with a key log: it can write none itself, so the moment at which it has K
is hooked here. Arguments: port, user, key file, key log, port of an echo service, algorithms."""

import sys

import paramiko

port, user, key_file, key_log, echo, kex, cipher, mac = sys.argv[1:9]
log = open(key_log, "w")
set_k_h = paramiko.Transport._set_K_H


def logged(transport, k, h):
    cookie = transport.local_kex_init[1:17].hex()
    digits = "%x" % k
    log.write("%s SHARED_SECRET %s%s\n" % (cookie, "0" * (len(digits) % 2), digits))
    log.flush()
    set_k_h(transport, k, h)


paramiko.Transport._set_K_H = logged
transport = paramiko.Transport(("127.0.0.1", int(port)))
options = transport.get_security_options()
options.kex = (kex,)
options.ciphers = (cipher,)
options.digests = (mac,)
transport.start_client(timeout=30)
transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(key_file))
data = b"Marker-Of-The-Session-Data-7391" * 1000


def carry():
    channel = transport.open_channel("direct-tcpip", ("127.0.0.1", int(echo)), ("192.0.2.7", 4242))
    channel.settimeout(30)
    channel.sendall(data)
    got = b""
    while len(got) < len(data):
        piece = channel.recv(65536)
        assert piece
        got += piece
    assert got == data
    channel.close()


carry()
transport.renegotiate_keys()
carry()
transport.close()
print("carried")
