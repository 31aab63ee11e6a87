"""asyncssh as a client that can stand beside ssh: it forwards one port, or runs one command."""

import asyncio
import sys

import asyncssh


async def main(port, user, key, host_key, kex, cipher, mac, forward, entry, target):
    options = {
        "username": user,
        "client_keys": [key],
        "known_hosts": ([host_key], [], []),
        "agent_path": None,
        "config": None,
    }
    for name, value in [("kex_algs", kex), ("encryption_algs", cipher), ("mac_algs", mac)]:
        if value:
            options[name] = [value]
    here = "127.0.0.1"
    async with asyncssh.connect(here, int(port), **options) as connection:
        if forward == "L":
            await connection.forward_local_port(here, int(entry), here, int(target))
        elif forward == "R":
            await connection.forward_remote_port(here, int(entry), here, int(target))
        elif forward == "D":
            await connection.forward_socks(here, int(entry))
        else:
            await connection.run(target, check=True)
            return
        await connection.wait_closed()


asyncio.run(main(*sys.argv[1:]))
