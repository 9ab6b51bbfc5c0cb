"""A storm: many clients that follow a stream are cut off, miss entries, and all come back at once while the stream goes on.

FIRTH_GATEWAY_URL, REDIS_PORT  where the gateway and the server are
FIRTH_STORM_CLIENTS            how many there are (default: 1000)

Each client counts for itself: every entry that it was sent, in their order. Nothing here knows of the gateway but its protocol;
the WebSockets are written out byte by byte.
"""

import collections
import json
import os
import resource
import select
import socket
import struct
import sys
import time
import traceback
import urllib.parse
import urllib.request

import wire

GATEWAY = urllib.parse.urlsplit(os.environ["FIRTH_GATEWAY_URL"])
CLIENTS = int(os.environ.get("FIRTH_STORM_CLIENTS", "1000"))
SEEN, MISSED, LATER = 10, 100, 20
TIMEOUT_S = 60
MASK = b"\x00\x00\x00\x00"


class Client:
    """One WebSocket, and what has come by it."""

    def __init__(self, crowd: "Crowd", path: str, first: dict | None) -> None:
        self.crowd, self.path, self.first = crowd, path, first
        self.is_open = False
        self.received = bytearray()
        self.heard: list[dict | str] = []
        # The ids of those of it that are entries.
        self.entries: list[str] = []
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex((GATEWAY.hostname, GATEWAY.port))
        crowd.watch(self, select.EPOLLOUT)

    def write(self) -> None:
        """The connection is there: asks for a WebSocket."""
        self.socket.sendall(wire.upgrade(GATEWAY.netloc, self.path))
        self.crowd.watch(self, select.EPOLLIN)

    def read(self) -> None:
        data = self.socket.recv(1 << 16)
        assert data, f"closed after {len(self.heard)} messages: {self.heard[-1:]}"
        self.received += data
        if not self.is_open:
            head, mark, rest = self.received.partition(b"\r\n\r\n")
            if not mark:
                return
            assert head.startswith(b"HTTP/1.1 101"), bytes(head)
            self.is_open, self.received = True, rest
            if self.first is not None:
                self.say(json.dumps(self.first).encode(), 0x1)
        at = 0
        while (frame := parsed(self.received, at)) is not None:
            opcode, payload, at = frame
            self.take(opcode, payload)
        del self.received[:at]

    def take(self, opcode: int, payload: bytes) -> None:
        if opcode == 0x9:
            self.say(payload, 0xA)
            return
        assert opcode == 0x1, f"opcode {opcode}: {payload!r}"
        message = json.loads(payload) if self.first is not None else payload.decode()
        self.heard.append(message)
        if isinstance(message, dict) and message["type"] == "entry":
            self.entries.append(message["id"])

    def say(self, payload: bytes, opcode: int) -> None:
        assert len(payload) < 126
        # With a mask of zeros the payload stays as it is.
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + MASK + payload)

    def others(self) -> dict[str, int]:
        return dict(collections.Counter(message["type"] for message in self.heard if message["type"] != "entry"))

    def reply(self) -> dict | None:
        return next((message for message in self.heard if message["type"] == "reply"), None)

    def cut_off(self) -> None:
        """Ends without a word, as a phone does in a tunnel."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Crowd:
    """The clients, all served by one loop."""

    def __init__(self) -> None:
        self.poll = select.epoll()
        self.clients: list[Client] = []
        self.by_fileno: dict[int, Client] = {}

    def add(self, path: str, first: dict | None = None) -> None:
        self.clients.append(Client(self, path, first))

    def watch(self, client: Client, events: int) -> None:
        fileno = client.socket.fileno()
        if self.by_fileno.get(fileno) is client:
            self.poll.modify(fileno, events)
        else:
            self.by_fileno[fileno] = client
            self.poll.register(fileno, events)

    def until(self, what: str, holds) -> None:
        """Serves all of them until something holds for each."""
        deadline = time.monotonic() + TIMEOUT_S
        waiting = self.clients
        while waiting := [client for client in waiting if not holds(client)]:
            assert time.monotonic() < deadline, f"{what}: not so for {len(waiting)}, such as {waiting[0].heard[-3:]}"
            for fileno, events in self.poll.poll(0.2):
                client = self.by_fileno[fileno]
                client.write() if events & select.EPOLLOUT else client.read()

    def leave(self) -> None:
        for client in self.clients:
            client.cut_off()
        self.poll.close()


class Redis:
    """As much of a client as is needed to append and to publish."""

    def __init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", int(os.environ["REDIS_PORT"])))
        self.file = self.socket.makefile("rb")

    def call(self, *parts: str) -> str:
        self.socket.sendall(wire.command(*parts))
        line = self.file.readline().strip().decode()
        assert not line.startswith("-"), line
        if not line.startswith("$"):
            return line[1:]
        return self.file.read(int(line[1:]) + 2)[:-2].decode()

    def append(self, stream: str, count: int) -> list[str]:
        return [self.call("XADD", stream, "*", "n", str(n), "text", "Your order has been shipped") for n in range(count)]


def parsed(data: bytearray, at: int) -> tuple[int, bytes, int] | None:
    """The frame that begins there, if it is whole: its opcode, its payload, and where the next one begins."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length == 126:
        start += 2
    elif length == 127:
        start += 8
    if len(data) < start:
        return None
    if length > 125:
        length = int.from_bytes(data[at + 2 : start], "big")
    end = start + length
    return (data[at] & 0xF, bytes(data[start:end]), end) if len(data) >= end else None


def follow(stream: str, after: str | None) -> dict:
    return {"do": "subscribe", "stream": stream, **({"after": after} if after else {})}


def storm() -> str:
    """Nobody loses an entry or gets one twice, whoever was away, and whatever comes meanwhile."""
    redis, stream = Redis(), f"storm-{time.time_ns()}"
    crowd = Crowd()
    for _ in range(CLIENTS):
        crowd.add("/ws", follow(stream, None))
    crowd.until("subscribed", lambda client: client.reply() is not None)
    seen = redis.append(stream, SEEN)
    crowd.until("all have seen the beginning", lambda client: len(client.entries) >= SEEN)
    for client in crowd.clients:
        assert client.entries == seen, client.heard
    crowd.leave()

    missed = redis.append(stream, MISSED)
    start = time.monotonic()
    crowd = Crowd()
    for _ in range(CLIENTS):
        crowd.add("/ws", follow(stream, seen[-1]))
    missed += redis.append(stream, LATER)
    crowd.until("all are back", lambda client: len(client.entries) >= len(missed))
    took = time.monotonic() - start
    # One more for each: what was sent twice would come before it.
    last = redis.append(stream, 1)
    crowd.until("all have the last one", lambda client: client.entries[-1] == last[0])
    for client in crowd.clients:
        assert client.entries == missed + last, (client.entries, missed)
        assert client.others() == {"hello": 1, "reply": 1} and client.reply()["gap"] is None, client.others()
    crowd.leave()
    return f"{CLIENTS} clients that missed {MISSED} entries each had {CLIENTS * len(missed)} entries {took:.1f} s after they came back"


def broadcast() -> str:
    """Every socket hears every broadcast, and what is its own, once and in order."""
    redis, crowd = Redis(), Crowd()
    for n in range(CLIENTS):
        crowd.add(f"/notifications/storm-{n}")
    crowd.until("open", lambda client: client.is_open)
    for n in range(5):
        redis.call("PUBLISH", "notifications:broadcast", f"all {n}")
    for n in range(CLIENTS):
        redis.call("PUBLISH", f"notifications:storm-{n}", f"only {n}")
    redis.call("PUBLISH", "notifications:broadcast", "end")
    crowd.until("the end is there", lambda client: client.heard[-1:] == ["end"])
    for n, client in enumerate(crowd.clients):
        assert client.heard == [*(f"all {n}" for n in range(5)), f"only {n}", "end"], client.heard
    crowd.leave()
    return f"{CLIENTS} sockets heard {7 * CLIENTS} messages"


def gone() -> str:
    """When all have gone, the gateway keeps nothing of them."""
    deadline = time.monotonic() + TIMEOUT_S
    names = ["firth_gateway_sockets", "firth_gateway_channels", "firth_gateway_streams"]
    while True:
        text = urllib.request.urlopen(f"{os.environ['FIRTH_GATEWAY_URL']}/metrics", timeout=20).read().decode()
        left = [line for line in text.splitlines() if line.split(" ")[0] in names and not line.endswith(" 0")]
        if not left:
            return "no sockets, channels or streams are left"
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def main() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    failed = 0
    checks = [storm, broadcast, gone]
    for check in checks:
        try:
            print(f"ok - {check()}", flush=True)
        except Exception:  # noqa: BLE001 - whatever went wrong is told
            failed += 1
            print(f"not ok - {check.__name__}: {traceback.format_exc(limit=-2)[-1500:]}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
