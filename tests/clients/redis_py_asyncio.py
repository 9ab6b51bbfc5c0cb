"""redis-py, asyncio, with the protocol version of the first argument."""

import asyncio
import sys

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from report import URL, equal, failed, finish, large_binary, passed

CHECK_TIMEOUT_S = 10


async def main() -> None:
    checks = Checks(protocol=int(sys.argv[1]))
    await checks.redis.flushall()
    for name, body in checks.all():
        await check(name, body)
    await checks.redis.aclose()


async def check(name: str, body) -> None:
    try:
        await asyncio.wait_for(body(), CHECK_TIMEOUT_S)
        passed(name)
    except Exception as error:  # whatever a client raises is a failed check
        failed(name, error)


class Checks:
    """All checks."""

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol
        self.redis = self.open()

    def open(self, **options) -> redis.asyncio.Redis:
        options = {"decode_responses": True, "retry": Retry(ConstantBackoff(0.02), 5), **options}
        return redis.asyncio.Redis.from_url(URL, protocol=self.protocol, **options)

    def all(self):
        return [
            ("protocol as asked", self.protocol_as_asked),
            ("publish and subscribe", self.publish_and_subscribe),
            ("pattern subscribe", self.pattern_subscribe),
            ("sharded publish and subscribe (raw)", self.sharded),
            ("append: XADD, XRANGE, XLEN", self.append),
            ("blocking XREAD, woken by XADD", self.blocking_read),
            ("group: create, read, acknowledge", self.group),
            ("pending: XPENDING, XCLAIM, XAUTOCLAIM", self.pending),
            ("MULTI and EXEC", self.transaction),
            ("WATCH: a conflict aborts EXEC", self.watch),
            ("pipelining: 1000 commands, replies in order", self.pipelining),
            ("strings: SET, GET, INCR, EXPIRE", self.strings),
            ("large binary payload, all byte values", self.large),
            ("INFO", self.info),
            ("SCAN", self.scan),
            ("reconnect after CLIENT KILL", self.reconnect),
            ("subscriptions back after CLIENT KILL", self.resubscribe),
        ]

    async def protocol_as_asked(self) -> None:
        equal(int((await self.redis.client_info())["resp"]), self.protocol)

    async def publish_and_subscribe(self) -> None:
        async with self.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.subscribe("news", "sport")
            await until("two receivers", lambda: self.is_numsub([("news", 1), ("sport", 1)]))
            equal(await self.redis.publish("news", "first"), 1)
            equal(await self.redis.publish("sport", "\u00fc\u20ac\U0001f600"), 1)
            got = await messages(subscriber, 2)
            equal([(m["channel"], m["data"]) for m in got], [("news", "first"), ("sport", "\u00fc\u20ac\U0001f600")])

    async def is_numsub(self, expected) -> bool:
        return await self.redis.pubsub_numsub(*(channel for channel, _ in expected)) == expected

    async def pattern_subscribe(self) -> None:
        async with self.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.psubscribe("user.*")
            await until("one receiver", lambda: self.publishes("PUBLISH", "user.created", "1", receivers=1))
            (got, *_) = await messages(subscriber, 1)
            equal((got["type"], got["pattern"], got["channel"], got["data"]), ("pmessage", "user.*", "user.created", "1"))

    async def publishes(self, command: str, channel: str, message: str, receivers: int) -> bool:
        return await self.redis.execute_command(command, channel, message) == receivers

    async def sharded(self) -> None:
        async with self.redis.pubsub() as subscriber:
            await subscriber.execute_command("SSUBSCRIBE", "shard")
            await until("one receiver", lambda: self.publishes("SPUBLISH", "shard", "x", receivers=1))

    async def append(self) -> None:
        equal(await self.redis.xadd("s", {"a": "1", "b": "2"}, id="1-1"), "1-1")
        await self.redis.xadd("s", {"a": "3"}, maxlen=1000)
        equal(await self.redis.xrange("s", count=1), [("1-1", {"a": "1", "b": "2"})])
        equal(await self.redis.xlen("s"), 2)
        await fails(self.redis.xadd("s", {"a": "1"}, id="1-1"), "The ID specified in XADD is equal or smaller")

    async def blocking_read(self) -> None:
        reader = self.open()
        reading = asyncio.create_task(reader.xread({"blocked": "$"}, block=8000))

        async def blocked() -> bool:
            return (await self.redis.info("clients"))["blocked_clients"] == 1

        await until("a blocked client", blocked)
        identifier = await self.redis.xadd("blocked", {"k": "v"})
        equal(by_stream(await reading), {"blocked": [(identifier, {"k": "v"})]})
        equal(by_stream(await reader.xread({"blocked": "$"}, block=20)), {})
        await reader.aclose()

    async def group(self) -> None:
        equal(await self.redis.xgroup_create("g", "workers", "$", mkstream=True), True)
        await fails(self.redis.xgroup_create("g", "workers", "$"), "BUSYGROUP")
        identifier = await self.redis.xadd("g", {"k": "v"})
        read = await self.redis.xreadgroup("workers", "one", {"g": ">"}, count=10)
        equal(by_stream(read), {"g": [(identifier, {"k": "v"})]})
        equal(await self.redis.xack("g", "workers", identifier), 1)
        equal(await self.redis.xack("g", "workers", identifier), 0)
        await fails(self.redis.xreadgroup("none", "one", {"g": ">"}), "NOGROUP")

    async def pending(self) -> None:
        await self.redis.xgroup_create("p", "workers", "0", mkstream=True)
        for identifier in ("1-1", "1-2", "1-3"):
            await self.redis.xadd("p", {"k": identifier}, id=identifier)
        await self.redis.xreadgroup("workers", "one", {"p": ">"})
        summary = {"pending": 3, "min": "1-1", "max": "1-3", "consumers": [{"name": "one", "pending": 3}]}
        equal(await self.redis.xpending("p", "workers"), summary)
        equal(await self.redis.xclaim("p", "workers", "two", 0, ["1-2"]), [("1-2", {"k": "1-2"})])
        claimed = await self.redis.xautoclaim("p", "workers", "three", 0, count=2)
        equal(claimed, ["1-3", [("1-1", {"k": "1-1"}), ("1-2", {"k": "1-2"})], []])
        rows = await self.redis.xpending_range("p", "workers", "-", "+", 10)
        equal([(row["message_id"], row["consumer"], row["times_delivered"]) for row in rows],
              [("1-1", "three", 2), ("1-2", "three", 3), ("1-3", "one", 1)])

    async def transaction(self) -> None:
        equal(await self.redis.pipeline().set("tx", "5").incr("tx").execute(), [True, 6])
        replies = await self.redis.pipeline().incr("tx").xlen("tx").execute(raise_on_error=False)
        equal(replies[0], 7)
        equal(isinstance(replies[1], redis.ResponseError), True)

    async def watch(self) -> None:
        async with self.redis.pipeline() as pipeline:
            await pipeline.watch("tx")
            await self.redis.set("tx", "other")
            pipeline.multi()
            pipeline.set("tx", "mine")
            try:
                await pipeline.execute()
            except redis.WatchError:
                equal(await self.redis.get("tx"), "other")
                return
        raise AssertionError("EXEC went through")

    async def pipelining(self) -> None:
        pipeline = self.redis.pipeline(transaction=False)
        for _ in range(1000):
            pipeline.incr("pipelined")
        equal(await pipeline.execute(), list(range(1, 1001)))

    async def strings(self) -> None:
        equal(await self.redis.set("str", "1"), True)
        equal(await self.redis.incr("str"), 2)
        equal(await self.redis.get("str"), "2")
        equal(await self.redis.get("missing"), None)
        equal(await self.redis.expire("str", 100), True)
        equal(await self.redis.ttl("str"), 100)
        await self.redis.set("short", "x", px=30)

        async def gone() -> bool:
            return await self.redis.get("short") is None

        await until("expiry", gone)

    async def large(self) -> None:
        async with self.open(decode_responses=False) as binary:
            payload = large_binary()
            await binary.set("large", payload)
            equal(await binary.get("large") == payload, True)
            await binary.xadd("large-stream", {b"b": payload}, id="1-1")
            ((_, fields),) = await binary.xrange("large-stream")
            equal(fields[b"b"] == payload, True)

    async def info(self) -> None:
        info = await self.redis.info()
        equal(info["redis_version"].count("."), 2)
        equal(info["connected_clients"] >= 1, True)

    async def scan(self) -> None:
        pipeline = self.redis.pipeline(transaction=False)
        for i in range(300):
            pipeline.set(f"scan:{i}", "x")
        await pipeline.execute()
        equal(len({key async for key in self.redis.scan_iter(match="scan:*", count=50)}), 300)

    async def reconnect(self) -> None:
        async with self.open(single_connection_client=True) as victim:
            before = await victim.client_id()
            equal(await self.redis.client_kill_filter(_id=before), 1)
            equal(await victim.ping(), True)
            equal(await victim.client_id() != before, True)

    async def resubscribe(self) -> None:
        async with self.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.subscribe("again")
            await subscriber.psubscribe("patt*")
            await until("subscribed", lambda: self.publishes("PUBLISH", "pattern", "early", receivers=1))
            equal(await self.redis.client_kill_filter(_type="pubsub"), 1)
            got = []

            async def received(channel: str) -> bool:
                count = await self.redis.publish(channel, channel)
                message = await subscriber.get_message(timeout=0.05)
                got.append(message and message["data"])
                return count == 1

            async def all_received() -> bool:
                return await received("again") and {"again", "pattern"} <= set(got)

            await until("channel", lambda: received("again"))
            await until("pattern", lambda: received("pattern"))
            await until("all messages", all_received)


async def until(what: str, probe, timeout_s: float = 8):
    """Waits until `probe` gives something truthy."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while asyncio.get_running_loop().time() < deadline:
        if await probe():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"{what}: not within {timeout_s} s")


async def messages(subscriber, count: int) -> list[dict]:
    """Collects so many messages, in order."""
    got = []

    async def enough() -> bool:
        message = await subscriber.get_message(timeout=0.1)
        if message:
            got.append(message)
        return len(got) >= count

    await until(f"{count} messages", enough)
    return got


def by_stream(reply) -> dict:
    """One shape for XREAD's answer, which this client gives as a list (RESP2) or as a dict of nested lists (RESP3)."""
    if isinstance(reply, dict):
        return {key: batches[0] for key, batches in reply.items()}
    return {key: entries for key, entries in reply or []}


async def fails(call, text: str) -> None:
    try:
        value = await call
    except redis.ResponseError as error:
        if text not in str(error):
            raise AssertionError(f"wanted an error with {text!r}, got {error}") from error
        return
    raise AssertionError(f"wanted an error with {text!r}, got {value!r}")


if __name__ == "__main__":
    asyncio.run(main())
    finish()
