"""Reads recorded SSH sessions with their key logs: a second opinion on what tssh says happened. It
shares no code with tssh: ciphers, MACs and signatures are those of python3-cryptography (OpenSSL).

    decode.py FOLDER...

Each folder has the bytes of the two directions (c2s, s2c) and the key log (keylog). Every byte must
belong to an identification line or to a packet whose MAC is right, every host key must have signed
its exchange hash, and every login its session. The folder gets a file `decoded` that tells what was
found; standard output gets one line for each folder: its name, and `ok` or what is wrong. The status
is 0 where all are well.

Lines of `decoded`, in words; numbers are decimal, bytes hexadecimal:

    ident DIRECTION OFFSET BYTES
    packet DIRECTION SEQUENCE EPOCH OFFSET BYTES PADDING PAYLOAD
    exchange METHOD HOST_KEY CIPHERS MACS H SESSION_ID A=KEY ... F=KEY
    login ALGORITHM
"""

import os
import sys
import zlib

from exchange import KeyLog
from session import Session
from wire import Fault


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def decode(folder):
    """What is wrong with a session; nothing where it could be read to its last byte."""
    try:
        key_log = KeyLog(read(folder, "keylog").decode("ascii"))
        session = Session([read(folder, "c2s"), read(folder, "s2c")], key_log)
        lines = session.decode()
    except (Fault, ValueError, KeyError, IndexError, zlib.error) as fault:
        return "%s: %s" % (type(fault).__name__, fault)
    with open(os.path.join(folder, "decoded"), "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)
    return None


def main(folders):
    faults = 0
    for folder in folders:
        fault = decode(folder)
        faults += fault is not None
        print("%s %s" % (folder, fault or "ok"))
    return 1 if faults or not folders else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
