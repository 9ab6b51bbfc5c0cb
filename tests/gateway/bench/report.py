"""Writes down what the gateways' measurement has found."""

NAMES = {
    "firth": "Firth's gateway",
    "elysia": "the document's own route: Elysia on Bun, a Redis connection for each socket",
    "topics": "Bun at its best: one Redis connection, Bun's own topics",
    "floor": "a bare loop of send(2), the floor",
}
WORKS = {
    "one": "one message to all sockets, and the next when all have it",
    "ten": "ten messages to all sockets at once",
    "user": "one message for each socket, a hundred at once",
    "alone": "one message for one socket, and the next when it has it",
}
HEAD = """# The gateway beside others

Written by `make bench-gateway` ({machine}). All gateways stand in front of the same Redis 7.0.15, on one processor; Redis and the
client have the other one. They are measured in turns, and each figure is the median of {rounds} rounds. A message has 97 bytes. CPU is
what the kernel charged to the gateway's process, its own part and the kernel's, in microseconds for each delivery.

Goals: for a broadcast at least 5 times the deliveries of the document's own route for each CPU second, and no worse than Bun at its
best; for messages to users at least 3 times; below 8 KiB resident for an idle socket; one message to 10,000 sockets in less than a
second for 99 of 100.
"""


def text(names, sockets, rounds, medians, many_sockets, many, storms, machine) -> str:
    parts = [HEAD.format(machine=machine, rounds=rounds)]
    for work, what in WORKS.items():
        parts.append(f"## {what[0].upper()}{what[1:]}, {sockets} sockets\n")
        parts.append(of_work(work, names, medians))
    parts.append(f"## An idle socket, {sockets} of them\n")
    rows = [(NAMES[name], f"{medians[name, 'KiB resident of a socket']:.1f}") for name in names if name != "floor"]
    parts.append(table(("gateway", "KiB resident"), rows))
    parts.append(f"## One message to {many_sockets} sockets\n")
    rows = [
        ("us of CPU for a delivery", f"{many['firth', 'one: us']:.2f}"),
        ("ms until 99% have it, the median of the messages", f"{many['firth', 'one: ms until 99% have it']:.0f}"),
        ("ms until 99% have it, the slowest message", f"{many['firth', 'one: ms until 99% have it, the slowest']:.0f}"),
        ("KiB resident for an idle socket", f"{many['firth', 'KiB resident of a socket']:.1f}"),
    ]
    parts.append(table(("Firth's gateway", ""), rows))
    parts.append("## A storm\n")
    parts.append(STORM)
    rows = [(said.removeprefix("ok - "), f"{cpu_s:.2f}") for storm in storms for said, cpu_s in storm]
    parts.append(table(("what was checked and found, round after round", "CPU of the gateway, s"), rows))
    return "\n".join(parts)


STORM = """`tests/gateway/storm.py`: clients that follow a stream are cut off, miss entries and come back all at once, while the stream
goes on. Each checks every entry that it is sent; one that is lost, doubled or out of order ends the measurement. The time is the
client's own, which is a Python program on one processor.
"""


def of_work(work, names, medians) -> str:
    key = f"{work}: us"
    rows = []
    for name in names:
        if (name, key) not in medians:
            continue
        us, kernel = medians[name, key], medians[name, f"{work}: us of it in the kernel"]
        latency = medians.get((name, f"{work}: ms until 99% have it"))
        rows.append((NAMES[name], f"{us:.2f}", f"{kernel:.2f}", f"{us / medians['firth', key]:.2f}", "" if latency is None else f"{latency:.1f}"))
    if work != "one":
        return table(("gateway", "us of CPU", "of it in the kernel", "beside Firth"), [row[:4] for row in rows])
    return table(("gateway", "us of CPU", "of it in the kernel", "beside Firth", "ms until 99% have it"), rows)


def table(head, rows) -> str:
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
