"""A line between two network namespaces that keeps each packet for a while.

NAMESPACE NAMESPACE MILLISECONDS

Makes a device `line` in each; prints "ready" when both are there.
"""

import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
PACKET_BYTES_MAX = 65535
# What does not fit on the line is lost, as on any other.
PACKETS_MAX = 4096


def end(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            sys.exit(os.strerror(ctypes.get_errno()))
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"line", IFF_TUN | IFF_NO_PI))
    return device


def take(device, to, queue, delay):
    try:
        while True:
            packet = os.read(device, PACKET_BYTES_MAX)
            if len(queue) < PACKETS_MAX:
                queue.append((time.monotonic() + delay, to, packet))
    except OSError:
        return


def main(_, one, other, milliseconds):
    delay = int(milliseconds) / 1000
    ends = [end(one), end(other)]
    print("ready", flush=True)
    queue = collections.deque()
    while True:
        left = max(0, queue[0][0] - time.monotonic()) if queue else None
        for device in select.select(ends, [], [], left)[0]:
            take(device, ends[1 - ends.index(device)], queue, delay)
        while queue and queue[0][0] <= time.monotonic():
            _, to, packet = queue.popleft()
            try:
                os.write(to, packet)
            except OSError:
                pass


main(*sys.argv)
