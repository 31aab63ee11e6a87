"use strict";
// ssh2 (npm) as a peer of tssh.
//
// server PORT HOST_KEY USER_PUBLIC_KEY REKEY_BYTES
// client PORT USER KEY HOST_PUBLIC_KEY REKEY_BYTES exec COMMAND
// client ... local LISTEN TO | remote LISTEN TO
//
// Prints "ready" once it listens; a client that forwards ends with its standard input.

const fs = require("fs");
const net = require("net");
const { spawn } = require("child_process");
const { Client, Server, utils } = require("ssh2");

const LOOPBACK = "127.0.0.1";
const ready = () => process.stdout.write("ready\n");
const listening = () => net.createServer({ allowHalfOpen: true });
const blob = (path) => Buffer.from(fs.readFileSync(path, "utf8").split(" ")[1], "base64");

// Both ways; each direction ends by itself.
function join(one, other) {
  one.pipe(other);
  other.pipe(one);
  one.on("error", () => other.destroy());
  other.on("error", () => one.destroy());
}

const dial = (port, host) => net.connect({ port, host, allowHalfOpen: true });

// Only the server's side has a call for it.
function renewEach(client, bytes) {
  let left = bytes;
  const count = (data) => {
    left -= data.length;
    if (left < 0) {
      left = bytes;
      client.rekey();
    }
  };
  return count;
}

function run(accept, info, count) {
  const channel = accept();
  const child = spawn("/bin/sh", ["-c", info.command]);
  channel.on("data", count);
  channel.pipe(child.stdin);
  child.stdin.on("error", () => {});
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on("close", (code) => {
    channel.exit(code === null ? 255 : code);
    channel.end();
  });
}

function serve(port, hostKey, userKey, rekey) {
  const known = blob(userKey);
  const server = new Server({ hostKeys: [fs.readFileSync(hostKey)] }, (client) => {
    const count = rekey > 0 ? renewEach(client, rekey) : () => {};
    const listeners = [];
    client.on("authentication", (ctx) => {
      if (ctx.method !== "publickey" || !ctx.key.data.equals(known)) {
        return ctx.reject(["publickey"]);
      }
      const key = utils.parseKey(fs.readFileSync(userKey));
      if (ctx.signature && key.verify(ctx.blob, ctx.signature, ctx.hashAlgo) !== true) {
        return ctx.reject();
      }
      ctx.accept();
    });
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, reject, info) => run(acceptExec, info, count));
    });
    client.on("tcpip", (accept, reject, info) => {
      const plain = dial(info.destPort, info.destIP);
      plain.once("connect", () => join(accept(), plain));
      plain.once("error", () => reject());
    });
    client.on("request", (accept, reject, name, info) => {
      if (name !== "tcpip-forward") return reject && reject();
      const listener = listening();
      listener.on("connection", (plain) => {
        client.forwardOut(
          info.bindAddr, info.bindPort, plain.remoteAddress, plain.remotePort,
          (error, channel) => (error ? plain.destroy() : join(channel, plain)),
        );
      });
      listener.listen(info.bindPort, LOOPBACK, () => accept());
      listeners.push(listener);
    });
    client.on("error", () => {});
    client.on("close", () => listeners.forEach((listener) => listener.close()));
  });
  server.listen(port, LOOPBACK, ready);
}

function execute(client, command) {
  client.exec(command, (error, channel) => {
    if (error) throw error;
    channel.pipe(process.stdout);
    channel.stderr.pipe(process.stderr);
    process.stdin.pipe(channel);
    let status = 255;
    channel.on("exit", (code) => (status = code));
    channel.on("close", () => {
      process.exitCode = status;
      process.stdin.destroy();
      client.end();
    });
  });
}

function untilInputEnds(client) {
  ready();
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}

function forwardLocal(client, listen, to) {
  const listener = listening();
  listener.on("connection", (plain) => {
    client.forwardOut(LOOPBACK, plain.remotePort, LOOPBACK, to, (error, channel) =>
      error ? plain.destroy() : join(channel, plain),
    );
  });
  listener.listen(listen, LOOPBACK, () => untilInputEnds(client));
}

function forwardRemote(client, listen, to) {
  client.on("tcp connection", (info, accept) => {
    const plain = dial(to, LOOPBACK);
    plain.once("connect", () => join(accept(), plain));
  });
  client.forwardIn(LOOPBACK, listen, (error) => {
    if (error) throw error;
    untilInputEnds(client);
  });
}

function call(port, username, key, hostKey, rekey, mode, ...more) {
  const client = new Client();
  const expected = blob(hostKey);
  client.on("ready", () => {
    if (mode === "exec") return execute(client, more[0]);
    const act = mode === "local" ? forwardLocal : forwardRemote;
    act(client, Number(more[0]), Number(more[1]));
  });
  client.on("error", (error) => {
    process.stderr.write(`${error}\n`);
    process.exit(255);
  });
  client.connect({
    host: LOOPBACK,
    port: Number(port),
    username,
    privateKey: fs.readFileSync(key),
    hostVerifier: (shown) => shown.equals(expected),
  });
}

const [role, ...words] = process.argv.slice(2);
if (role === "server") {
  serve(Number(words[0]), words[1], words[2], Number(words[3]));
} else {
  call(...words);
}
