"""redis-cli with the protocol version of the first argument: one-shot, piped, mass insertion, subscribed, on a terminal."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

from report import PORT, check, equal, finish, large_binary, until

TIMEOUT_S = 10
ANSI = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def main() -> None:
    cli("FLUSHALL")
    protocol = f"-{sys.argv[1]}"
    for name, body in CHECKS.items():
        check(name, lambda body=body: body(protocol))
    finish()


def cli(*arguments: str, stdin: bytes = b"", raw: bool = False) -> str | bytes:
    """Runs redis-cli once; gives what it printed."""
    result = subprocess.run(argv(*arguments), input=stdin, capture_output=True, timeout=TIMEOUT_S, check=True)
    return result.stdout if raw else result.stdout.decode().rstrip("\n")


def argv(*arguments: str) -> list[str]:
    return ["redis-cli", "-h", "127.0.0.1", "-p", str(PORT), *arguments]


class Session:
    """A redis-cli that reads commands from a pipe and prints the replies."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(argv(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = b""

    def send(self, line: str) -> None:
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, text: str) -> None:
        """Waits until the output contains the text, and forgets all up to its end."""
        wanted, deadline = text.encode(), time.monotonic() + TIMEOUT_S
        while wanted not in self.output:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError(f"no {text!r} in {self.output!r}")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise EOFError(f"no {text!r} in {self.output!r}")
            self.output += chunk
        self.output = self.output.partition(wanted)[2]

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.stdout.close()


def publish_and_subscribe(protocol: str) -> None:
    with Session(protocol, "SUBSCRIBE", "news", "sport") as subscriber:
        subscriber.expect("subscribe\nnews\n1\nsubscribe\nsport\n2\n")
        equal(cli("PUBLISH", "news", "first"), "1")
        equal(cli("PUBLISH", "sport", "second"), "1")
        subscriber.expect("message\nnews\nfirst\nmessage\nsport\nsecond\n")
    until("no receiver", lambda: cli("PUBLISH", "news", "nobody") == "0")


def pattern_subscribe(protocol: str) -> None:
    with Session(protocol, "PSUBSCRIBE", "user.*") as subscriber:
        subscriber.expect("psubscribe\nuser.*\n1\n")
        equal(cli("PUBLISH", "user.created", "x"), "1")
        subscriber.expect("pmessage\nuser.*\nuser.created\nx\n")
    until("no receiver", lambda: cli("PUBSUB", "NUMPAT") == "0")


def sharded(protocol: str) -> None:
    with Session(protocol, "SSUBSCRIBE", "shard") as subscriber:
        subscriber.expect("ssubscribe\nshard\n1\n")
        equal(cli("SPUBLISH", "shard", "x"), "1")
        subscriber.expect("smessage\nshard\nx\n")


def append(protocol: str) -> None:
    cli("DEL", "s")
    equal(cli(protocol, "XADD", "s", "1-1", "a", "1"), "1-1")
    equal(cli(protocol, "XADD", "s", "MAXLEN", "~", "100", "1-*", "a", "2"), "1-2")
    equal(cli(protocol, "XRANGE", "s", "-", "+"), "1-1\na\n1\n1-2\na\n2")
    equal(cli(protocol, "XLEN", "s"), "2")
    error = cli(protocol, "XADD", "s", "1-1", "a", "1")
    equal(error, "ERR The ID specified in XADD is equal or smaller than the target stream top item")


def blocking_read(protocol: str) -> None:
    with Session(protocol, "XREAD", "BLOCK", "8000", "STREAMS", "blocked", "$") as reader:
        until("a blocked client", lambda: "blocked_clients:1\r" in cli("INFO", "clients"))
        identifier = cli("XADD", "blocked", "*", "k", "v")
        for part in ("blocked", identifier, "k", "v"):
            reader.expect(part)
    equal(cli(protocol, "XREAD", "BLOCK", "20", "STREAMS", "blocked", "$"), "")


def group(protocol: str) -> None:
    cli("DEL", "g")
    equal(cli(protocol, "XGROUP", "CREATE", "g", "workers", "$", "MKSTREAM"), "OK")
    equal(cli(protocol, "XGROUP", "CREATE", "g", "workers", "$"), "BUSYGROUP Consumer Group name already exists")
    cli("XADD", "g", "1-1", "k", "v")
    equal("1-1" in cli(protocol, "XREADGROUP", "GROUP", "workers", "one", "STREAMS", "g", ">"), True)
    equal(cli(protocol, "XACK", "g", "workers", "1-1"), "1")
    equal(cli(protocol, "XACK", "g", "workers", "1-1"), "0")


def pending(protocol: str) -> None:
    cli("DEL", "p")
    cli("XGROUP", "CREATE", "p", "workers", "0", "MKSTREAM")
    for identifier in ("1-1", "1-2", "1-3"):
        cli("XADD", "p", identifier, "k", identifier)
    cli("XREADGROUP", "GROUP", "workers", "one", "STREAMS", "p", ">")
    equal(cli(protocol, "XPENDING", "p", "workers"), "3\n1-1\n1-3\none\n3")
    equal(cli(protocol, "XCLAIM", "p", "workers", "two", "0", "1-2"), "1-2\nk\n1-2")
    equal(cli(protocol, "XAUTOCLAIM", "p", "workers", "three", "0", "0", "COUNT", "1", "JUSTID"), "1-2\n1-1")


def transaction(protocol: str) -> None:
    with Session(protocol) as session:
        for line, reply in (("MULTI", "OK"), ("SET tx 5", "QUEUED"), ("INCR tx", "QUEUED"), ("EXEC", "OK\n6\n")):
            session.send(line)
            session.expect(reply)


def watch(protocol: str) -> None:
    with Session(protocol) as session:
        session.send("WATCH tx")
        session.expect("OK")
        cli("SET", "tx", "other")
        for line, reply in (("MULTI", "OK"), ("SET tx mine", "QUEUED"), ("EXEC", "\n\n"), ("GET tx", "other")):
            session.send(line)
            session.expect(reply)


def pipelining(protocol: str) -> None:
    cli("DEL", "pipelined")
    report = cli(protocol, "--pipe", stdin=b"INCR pipelined\r\n" * 1000)
    equal(report.splitlines()[-1], "errors: 0, replies: 1000")
    equal(cli("GET", "pipelined"), "1000")


def strings(protocol: str) -> None:
    equal(cli(protocol, "SET", "str", "1"), "OK")
    equal(cli(protocol, "INCR", "str"), "2")
    equal(cli(protocol, "GET", "str"), "2")
    equal(cli(protocol, "GET", "missing"), "")
    equal(cli(protocol, "EXPIRE", "str", "100"), "1")
    equal(cli(protocol, "TTL", "str"), "100")
    equal(cli(protocol, "SET", "short", "x", "PX", "30"), "OK")
    until("expiry", lambda: cli("EXISTS", "short") == "0")


def large(protocol: str) -> None:
    payload = large_binary()
    equal(cli(protocol, "-x", "SET", "large", stdin=payload), "OK")
    equal(cli(protocol, "GET", "large", raw=True) == payload + b"\n", True)


def info(protocol: str) -> None:
    lines = cli(protocol, "INFO").split("\r\n")
    equal(any(re.fullmatch(r"redis_version:\d+\.\d+\.\d+", line) for line in lines), True)
    equal(lines[0], "# Server")


def scan(protocol: str) -> None:
    cli("--pipe", stdin=b"".join(b"SET scan:%d x\r\n" % i for i in range(300)))
    equal(len(set(cli(protocol, "--scan", "--pattern", "scan:*").splitlines())), 300)


def reconnect(protocol: str) -> None:
    with Session(protocol) as session:
        session.send("CLIENT SETNAME victim")
        session.expect("OK")
        (line,) = [line for line in cli("CLIENT", "LIST").splitlines() if " name=victim " in line]
        equal(cli("CLIENT", "KILL", "ID", re.search(r"id=(\d+)", line)[1]), "1")
        # The command that finds the connection closed is lost; the next one goes over a new connection.
        session.send("ECHO lost")
        session.expect("Server closed the connection")
        session.send("ECHO alive")
        session.expect("alive")


class Terminal:
    """A redis-cli on a terminal: it edits lines, asks COMMAND DOCS when it starts, and shows typed replies."""

    def __init__(self, *arguments: str) -> None:
        self.descriptor, slave = pty.openpty()
        # A terminal without a size would be asked for its cursor position, and nobody would answer.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        environment = {**os.environ, "TERM": "xterm"}
        self.process = subprocess.Popen(argv(*arguments), stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.output = b""

    def type(self, line: str) -> None:
        """Types a line at the next prompt; redis-cli throws away what is typed before."""
        self.expect(b"> ")
        os.write(self.descriptor, line.encode() + b"\r")

    def expect(self, wanted: bytes) -> None:
        """Waits until the screen shows the text, and forgets all up to its end."""
        deadline = time.monotonic() + TIMEOUT_S
        while wanted not in self.output:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.descriptor], [], [], left)[0]:
                raise TimeoutError(f"no {wanted!r} in {self.output!r}")
            self.output = ANSI.sub(b"", self.output + os.read(self.descriptor, 65536))
        self.output = self.output.partition(wanted)[2]

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.descriptor)


def interactive(protocol: str) -> None:
    with Terminal(protocol) as terminal:
        for line, reply in (("SET interactive 1", b"OK"), ("INCR interactive", b"(integer) 2"), ("SUBSCRIBE tv", b'1) "subscribe"')):
            terminal.type(line)
            terminal.expect(reply)
        equal(cli("PUBLISH", "tv", "hello"), "1")
        terminal.expect(b'3) "hello"')


CHECKS = {
    "publish and subscribe": publish_and_subscribe,
    "pattern subscribe": pattern_subscribe,
    "sharded publish and subscribe": sharded,
    "append: XADD, XRANGE, XLEN": append,
    "blocking XREAD, woken by XADD": blocking_read,
    "group: create, read, acknowledge": group,
    "pending: XPENDING, XCLAIM, XAUTOCLAIM": pending,
    "MULTI and EXEC": transaction,
    "WATCH: a conflict aborts EXEC": watch,
    "pipelining: 1000 commands through --pipe": pipelining,
    "strings: SET, GET, INCR, EXPIRE": strings,
    "large binary payload, all byte values": large,
    "INFO": info,
    "SCAN": scan,
    "reconnect after CLIENT KILL": reconnect,
    "interactive on a terminal": interactive,
}


if __name__ == "__main__":
    main()
