#!/usr/bin/env python3
"""Measures gateways beside each other: processor time for a delivery, memory of an idle socket, time until all have it.

    tests/gateway/bench/run.py [--sockets 2000] [--rounds 3] [--only firth,elysia,topics,floor] [--markdown FILE]

With --markdown it also sends to 10,000 sockets, lets 5,000 clients come back at once, and writes all of it down.

All stand in front of the same Redis, on one processor; Redis and the client have the other one. Each is measured in turn, round
after round, and the medians are told. The floor is a bare loop of send(2) over as many connections.

    one        one message to all sockets, and the next when all have it
    ten        ten messages to all sockets at once
    user       one message for each socket, a hundred at once
    alone      one message for one socket, and the next when it has it
"""

import argparse
import os
import platform
import re
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent.parent
sys.path[:0] = [str(TESTS), str(HERE.parent)]

import report  # noqa: E402
import server  # noqa: E402
import wire  # noqa: E402

TEXT = b'{"id":123456,"title":"Your order has been shipped","text":"It arrives on Thursday.","read":false}'
FRAME = 2 + len(TEXT)
PING = b"\x89\x00"
PONG = b"\x8a\x80\x00\x00\x00\x00"
TIMEOUT_S = 60
WORKS = ["one", "ten", "user", "alone"]
SCRIPTS = {"elysia": HERE.parent / "elysia.ts", "topics": HERE / "topics.ts"}
MANY = 10_000
STORM = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description="measures gateways beside each other")
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="firth,elysia,topics,floor")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    medians = rounds(names, arguments.sockets, arguments.rounds, WORKS)
    if arguments.markdown:
        many = rounds(["firth"], MANY, arguments.rounds, ["one"])
        storms = [storm(STORM) for _ in range(arguments.rounds)]
        text = report.text(names, arguments.sockets, arguments.rounds, medians, MANY, many, storms, machine())
        arguments.markdown.write_text(text)


def rounds(names: list[str], sockets: int, count: int, chosen: list[str]) -> dict[tuple[str, str], float]:
    figures: dict[tuple[str, str], list[float]] = {}
    for _ in range(count):
        for name in names:
            for what, figure in measured(name, sockets, chosen).items():
                figures.setdefault((name, what), []).append(figure)
    for (name, what), found in figures.items():
        spread = " ".join(f"{figure:.2f}" for figure in sorted(found))
        print(f"{name:8} {sockets:6} {what:28} {statistics.median(found):9.2f}   ({spread})", flush=True)
    return {key: statistics.median(found) for key, found in figures.items()}


def measured(name: str, sockets: int, chosen: list[str]) -> dict[str, float]:
    if name == "floor":
        return floor(sockets)
    with server.reserved_port() as redis, server.reserved_port() as port, tempfile.TemporaryDirectory() as directory:
        processes = []
        try:
            command = server.command("redis", redis, directory)
            processes.append(started(command, 1, directory))
            program, environment = command_of(name, redis, port)
            processes.append(started(program, 0, directory, environment))
            broker, gateway = processes
            until_it_listens(redis)
            until_it_listens(port)
            os.sched_setaffinity(0, {1})
            return works(gateway.pid, broker.pid, redis, port, sockets, chosen)
        finally:
            os.sched_setaffinity(0, {0, 1})
            for process in processes:
                process.kill()
                process.wait()


def command_of(name: str, redis: int, port: int) -> tuple[list[str], dict[str, str]]:
    url = f"redis://127.0.0.1:{redis}"
    if name.startswith("firth"):
        program = str(Path(TESTS, os.environ.get(f"{name.upper()}_BIN", "../target/release/firth")).resolve())
        sockets = ["--max-sockets", "20000"]
        return [program, "gateway", "--backend", url, "--listen", f"127.0.0.1:{port}", *sockets], {}
    bun = str(TESTS / "node_modules/.bin/bun")
    return [bun, str(SCRIPTS[name])], {"REDIS_URL": url, "PORT": str(port)}


def started(command: list[str], processor: int, directory: str, environment: dict[str, str] | None = None) -> subprocess.Popen:
    command = ["taskset", "-c", str(processor), *command]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=directory, env={**os.environ, **(environment or {})}, **quiet)


def until_it_listens(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise server.CannotStart(f"nothing listens on {port}")


def works(gateway: int, broker: int, redis: int, port: int, sockets: int, chosen: list[str]) -> dict[str, float]:
    publisher = socket.create_connection(("127.0.0.1", redis))
    before = resident(gateway)
    crowd = Crowd(port, sockets)
    until_subscribed(publisher, sockets)
    time.sleep(0.5)
    found = {"KiB resident of a socket": (resident(gateway) - before) / sockets}
    count = len(crowd.sockets)
    crowd.work(publisher, [["broadcast"]] * 5)
    for work in chosen:
        groups = groups_of(work, count)
        deliveries = sum(len(group) for group in groups) * (count if work in ("one", "ten") else 1)
        start, start_broker = spent(gateway), spent(broker)
        times = crowd.work(publisher, groups)
        user, system = (after - then for after, then in zip(spent(gateway), start))
        found[f"{work}: us"] = (user + system) * 1e6 / deliveries
        found[f"{work}: us of it in the kernel"] = system * 1e6 / deliveries
        found[f"{work}: us of the broker"] = (sum(spent(broker)) - sum(start_broker)) * 1e6 / deliveries
        if work == "one":
            found["one: ms until 99% have it"] = statistics.median(times)
            found["one: ms until 99% have it, the slowest"] = max(times)
    crowd.close()
    publisher.close()
    return found


def groups_of(work: str, count: int) -> list[list[str]]:
    """The channels that are published to, those of a group at once."""
    users = [str(n) for n in range(count)]
    return {
        "one": [["broadcast"]] * max(20, 100_000 // count),
        "ten": [["broadcast"] * 10] * max(5, 200_000 // count // 10),
        "user": [users[n : n + 100] for n in range(0, count, 100)] * max(2, 20_000 // count),
        "alone": [[user] for user in users],
    }[work]


class Crowd:
    """Many WebSockets."""

    def __init__(self, port: int, count: int) -> None:
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        for n in range(count):
            self.open(port, n)

    def open(self, port: int, n: int) -> None:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(wire.upgrade(f"127.0.0.1:{port}", f"/notifications/{n}"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        connection.setblocking(False)
        self.sockets[connection.fileno()] = connection
        self.poll.register(connection.fileno(), select.EPOLLIN)

    def work(self, publisher: socket.socket, groups: list[list[str]]) -> list[float]:
        """Publishes each group when all have the one before; gives the ms until 99% of it had arrived."""
        times = []
        for group in groups:
            publisher.sendall(b"".join(publish(channel) for channel in group))
            start = time.monotonic()
            wanted = sum(len(self.sockets) if channel == "broadcast" else 1 for channel in group) * FRAME
            times.append(self.receive(wanted, start))
            answers(publisher, len(group))
        return times

    def receive(self, wanted: int, start: float) -> float:
        got, most, when = 0, wanted * 0.99, 0.0
        while got < wanted:
            events = self.poll.poll(TIMEOUT_S)
            assert events, f"{got} of {wanted} bytes have come"
            for fileno, _ in events:
                data = self.sockets[fileno].recv(65536)
                if pings := data.count(PING):
                    self.sockets[fileno].send(PONG * pings)
                got += len(data) - pings * len(PING)
                if got >= most and not when:
                    when = (time.monotonic() - start) * 1e3
        assert got == wanted, f"{got} instead of {wanted} bytes"
        return when

    def close(self) -> None:
        for connection in self.sockets.values():
            connection.close()


def publish(channel: str) -> bytes:
    return wire.command("PUBLISH", f"notifications:{channel}", TEXT)


def answers(publisher: socket.socket, count: int) -> None:
    text = b""
    while text.count(b"\n") < count:
        text += publisher.recv(65536)


def until_subscribed(publisher: socket.socket, sockets: int) -> None:
    """Waits until everybody's own channel and the broadcast are listened to."""
    for _ in range(600):
        publisher.sendall(b"PUBSUB NUMPAT\r\nINFO clients\r\nPUBSUB NUMSUB notifications:broadcast notifications:%d\r\n" % (sockets - 1))
        time.sleep(0.1)
        text = publisher.recv(65536)
        found = re.findall(rb"notifications:\w+\r\n:(\d+)", text)
        if len(found) == 2 and all(int(count) > 0 for count in found):
            break
    time.sleep(1)


def spent(pid: int) -> tuple[float, float]:
    """Processor time of a process so far, outside of the kernel and within, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


def resident(pid: int) -> float:
    return float(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])


def floor(count: int) -> dict[str, float]:
    """What a bare loop of send(2) takes, in a process of its own, to a crowd that reads as it does from a gateway."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    poll, sockets, ends = select.epoll(), {}, []
    for _ in range(count):
        connection = socket.create_connection(listener.getsockname())
        connection.setblocking(False)
        ends.append(listener.accept()[0])
        ends[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
    ours, theirs = socket.socketpair()
    frame = b"\x81\x7e" + TEXT
    if (child := os.fork()) == 0:
        os.sched_setaffinity(0, {0})
        while theirs.recv(1) == b"g":
            for end in ends:
                end.send(frame)
        os._exit(0)
    os.sched_setaffinity(0, {1})
    rounds = max(20, 100_000 // count)
    start = spent(child)
    for _ in range(rounds):
        ours.send(b"g")
        got = 0
        while got < count * FRAME:
            for fileno, _ in poll.poll(TIMEOUT_S):
                got += len(sockets[fileno].recv(65536))
    user, system = (after - then for after, then in zip(spent(child), start))
    os.sched_setaffinity(0, {0, 1})
    ours.send(b"q")
    os.waitpid(child, 0)
    for connection in [*sockets.values(), *ends, listener, ours, theirs]:
        connection.close()
    return {"one: us": (user + system) * 1e6 / rounds / count, "one: us of it in the kernel": system * 1e6 / rounds / count}


def storm(clients: int) -> list[tuple[str, float]]:
    """Runs the storm of the tests against the gateway before Redis; gives what it says, and what the gateway spent."""
    with server.reserved_port() as redis, server.reserved_port() as port, tempfile.TemporaryDirectory() as directory:
        program, environment = command_of("firth", redis, port)
        broker = started(server.command("redis", redis, directory), 1, directory)
        gateway = started(program, 0, directory, environment)
        try:
            until_it_listens(redis)
            until_it_listens(port)
            where = {"FIRTH_GATEWAY_URL": f"http://127.0.0.1:{port}", "REDIS_PORT": str(redis)}
            script = ["taskset", "-c", "1", sys.executable, str(HERE.parent / "storm.py")]
            environment = {**os.environ, **where, "FIRTH_STORM_CLIENTS": str(clients)}
            running = subprocess.Popen(script, env=environment, stdout=subprocess.PIPE, text=True)
            assert running.stdout is not None
            said, before = [], sum(spent(gateway.pid))
            for line in running.stdout:
                now = sum(spent(gateway.pid))
                said.append((line.strip(), now - before))
                before = now
                print(f"{line.strip()}; {said[-1][1]:.2f} s of CPU", flush=True)
            assert running.wait() == 0
            return said[:-1]
        finally:
            for process in (broker, gateway):
                process.kill()
                process.wait()


def machine() -> str:
    name = re.search(r"^model name\s+: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{os.cpu_count()} cores, {name[1] if name else platform.machine()}, Linux {platform.release()}"


if __name__ == "__main__":
    main()
