"""asyncssh as a peer of tssh.

server PORT HOST_KEY USER_PUBLIC_KEY REKEY_BYTES
client PORT USER KEY HOST_PUBLIC_KEY REKEY_BYTES exec COMMAND
client ... local LISTEN TO | remote LISTEN TO | dynamic LISTEN

Prints "ready" once it listens; a client that forwards ends with its standard input.
"""

import asyncio
import subprocess
import sys

import asyncssh

LOOPBACK = "127.0.0.1"
PIECE = 65536
# asyncssh refuses what comes right behind the reply to its tcpip-forward.
GRACE_SECONDS = 0.5


class Server(asyncssh.SSHServer):
    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        return True

    def server_requested(self, listen_host, listen_port):
        return True


async def copy(source, sink):
    while data := await source.read(PIECE):
        sink.write(data)
        await sink.drain()


async def feed(source, sink):
    try:
        await copy(source, sink)
        sink.close()
    except (BrokenPipeError, ConnectionResetError):
        pass


async def run(process):
    pipe = subprocess.PIPE
    child = await asyncio.create_subprocess_shell(
        process.command, stdin=pipe, stdout=pipe, stderr=pipe
    )
    feeding = asyncio.create_task(feed(process.stdin, child.stdin))
    await asyncio.gather(copy(child.stdout, process.stdout), copy(child.stderr, process.stderr))
    status = await child.wait()
    feeding.cancel()
    process.exit(status)


def rekeying(rekey):
    return {"rekey_bytes": rekey} if rekey else {}


async def serve(port, host_key, user_key, rekey):
    await asyncssh.listen(
        LOOPBACK,
        int(port),
        server_factory=Server,
        server_host_keys=[host_key],
        authorized_client_keys=user_key,
        process_factory=run,
        encoding=None,
        **rekeying(int(rekey)),
    )
    print("ready", flush=True)
    await asyncio.Event().wait()


async def own_input():
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def show(source, file):
    while data := await source.read(PIECE):
        file.write(data)
        file.flush()


async def send(source, sink):
    await copy(source, sink)
    sink.write_eof()


async def execute(connection, command):
    process = await connection.create_process(command, encoding=None)
    sending = asyncio.create_task(send(await own_input(), process.stdin))
    await asyncio.gather(
        show(process.stdout, sys.stdout.buffer), show(process.stderr, sys.stderr.buffer)
    )
    await process.wait_closed()
    sending.cancel()
    return process.exit_status if process.exit_status is not None else 255


async def forward(connection, mode, ports):
    listen = int(ports[0])
    if mode == "local":
        await connection.forward_local_port(LOOPBACK, listen, LOOPBACK, int(ports[1]))
    elif mode == "dynamic":
        await connection.forward_socks(LOOPBACK, listen)
    else:
        await connection.forward_remote_port(LOOPBACK, listen, LOOPBACK, int(ports[1]))
        await asyncio.sleep(GRACE_SECONDS)
    print("ready", flush=True)
    await (await own_input()).read()
    return 0


async def call(port, user, key, host_key, rekey, mode, *more):
    async with asyncssh.connect(
        LOOPBACK,
        int(port),
        username=user,
        client_keys=[key],
        known_hosts=([asyncssh.read_public_key(host_key)], [], []),
        config=None,
        agent_path=None,
        **rekeying(int(rekey)),
    ) as connection:
        if mode == "exec":
            return await execute(connection, more[0])
        return await forward(connection, mode, more)


if sys.argv[1] == "server":
    asyncio.run(serve(*sys.argv[2:]))
else:
    sys.exit(asyncio.run(call(*sys.argv[2:])))
