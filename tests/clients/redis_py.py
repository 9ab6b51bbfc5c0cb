"""redis-py, synchronous, with the protocol version of the first argument: pools, retries, its own resubscription."""

import sys
import threading

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from report import URL, check, equal, finish, large_binary, until


def main() -> None:
    checks = Checks(protocol=int(sys.argv[1]))
    checks.redis.flushall()
    for name, body in checks.all():
        check(name, body)
    finish()


class Checks:
    """All checks."""

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol
        self.redis = self.open()

    def open(self, **options) -> redis.Redis:
        # Redis() retries by default, Redis.from_url() does not.
        options = {"decode_responses": True, "retry": Retry(ConstantBackoff(0.02), 5), **options}
        return redis.Redis.from_url(URL, protocol=self.protocol, **options)

    def all(self):
        return [
            ("protocol as asked", self.protocol_as_asked),
            ("publish and subscribe", self.publish_and_subscribe),
            ("pattern subscribe", self.pattern_subscribe),
            ("sharded publish and subscribe", self.sharded),
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

    def protocol_as_asked(self) -> None:
        equal(int(self.redis.client_info()["resp"]), self.protocol)

    def publish_and_subscribe(self) -> None:
        with self.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.subscribe("news", "sport")
            until("two receivers", lambda: self.redis.pubsub_numsub("news", "sport") == [("news", 1), ("sport", 1)])
            equal(self.redis.publish("news", "first"), 1)
            equal(self.redis.publish("sport", "\u00fc\u20ac\U0001f600"), 1)
            got = messages(subscriber, 2)
            equal([(m["channel"], m["data"]) for m in got], [("news", "first"), ("sport", "\u00fc\u20ac\U0001f600")])
            subscriber.unsubscribe("news")
            until("no receiver", lambda: self.redis.publish("news", "nobody") == 0)

    def pattern_subscribe(self) -> None:
        with self.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.psubscribe("user.*")
            until("the pattern", lambda: self.redis.pubsub_numpat() == 1)
            equal(self.redis.publish("user.created", "1"), 1)
            (got,) = messages(subscriber, 1)
            equal((got["type"], got["pattern"], got["channel"], got["data"]), ("pmessage", "user.*", "user.created", "1"))

    def sharded(self) -> None:
        with self.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.ssubscribe("shard")
            until("one receiver", lambda: self.redis.pubsub_shardnumsub("shard") == [("shard", 1)])
            equal(self.redis.spublish("shard", "x"), 1)
            (got,) = messages(subscriber, 1)
            equal((got["type"], got["channel"], got["data"]), ("smessage", "shard", "x"))

    def append(self) -> None:
        equal(self.redis.xadd("s", {"a": "1", "b": "2"}, id="1-1"), "1-1")
        self.redis.xadd("s", {"a": "3"}, maxlen=1000)
        equal(self.redis.xrange("s", count=1), [("1-1", {"a": "1", "b": "2"})])
        equal(self.redis.xlen("s"), 2)
        equal(self.redis.xinfo_stream("s")["length"], 2)
        fails(lambda: self.redis.xadd("s", {"a": "1"}, id="1-1"), "The ID specified in XADD is equal or smaller")

    def blocking_read(self) -> None:
        reader, got = self.open(), []
        thread = threading.Thread(target=lambda: got.append(reader.xread({"blocked": "$"}, block=8000)))
        thread.start()
        until("a blocked client", lambda: self.redis.info("clients")["blocked_clients"] == 1)
        identifier = self.redis.xadd("blocked", {"k": "v"})
        thread.join()
        equal(by_stream(got[0]), {"blocked": [(identifier, {"k": "v"})]})
        equal(by_stream(reader.xread({"blocked": "$"}, block=20)), {})
        reader.close()

    def group(self) -> None:
        equal(self.redis.xgroup_create("g", "workers", "$", mkstream=True), True)
        fails(lambda: self.redis.xgroup_create("g", "workers", "$"), "BUSYGROUP")
        identifier = self.redis.xadd("g", {"k": "v"})
        read = self.redis.xreadgroup("workers", "one", {"g": ">"}, count=10)
        equal(by_stream(read), {"g": [(identifier, {"k": "v"})]})
        (info,) = self.redis.xinfo_groups("g")
        equal((info["name"], info["pending"], info["lag"]), ("workers", 1, 0))
        equal(self.redis.xack("g", "workers", identifier), 1)
        equal(self.redis.xack("g", "workers", identifier), 0)
        fails(lambda: self.redis.xreadgroup("none", "one", {"g": ">"}), "NOGROUP")

    def pending(self) -> None:
        self.redis.xgroup_create("p", "workers", "0", mkstream=True)
        for identifier in ("1-1", "1-2", "1-3"):
            self.redis.xadd("p", {"k": identifier}, id=identifier)
        self.redis.xreadgroup("workers", "one", {"p": ">"})
        summary = {"pending": 3, "min": "1-1", "max": "1-3", "consumers": [{"name": "one", "pending": 3}]}
        equal(self.redis.xpending("p", "workers"), summary)
        equal(self.redis.xclaim("p", "workers", "two", 0, ["1-2"]), [("1-2", {"k": "1-2"})])
        claimed = self.redis.xautoclaim("p", "workers", "three", 0, count=2)
        equal(claimed, ["1-3", [("1-1", {"k": "1-1"}), ("1-2", {"k": "1-2"})], []])
        rows = self.redis.xpending_range("p", "workers", "-", "+", 10)
        equal([(row["message_id"], row["consumer"], row["times_delivered"]) for row in rows],
              [("1-1", "three", 2), ("1-2", "three", 3), ("1-3", "one", 1)])

    def transaction(self) -> None:
        equal(self.redis.pipeline().set("tx", "5").incr("tx").execute(), [True, 6])
        replies = self.redis.pipeline().incr("tx").xlen("tx").execute(raise_on_error=False)
        equal(replies[0], 7)
        equal(str(replies[1]).startswith("WRONGTYPE") or "wrong kind of value" in str(replies[1]), True)

    def watch(self) -> None:
        with self.redis.pipeline() as pipeline:
            pipeline.watch("tx")
            self.redis.set("tx", "other")
            pipeline.multi()
            pipeline.set("tx", "mine")
            try:
                pipeline.execute()
            except redis.WatchError:
                equal(self.redis.get("tx"), "other")
                return
        raise AssertionError("EXEC went through")

    def pipelining(self) -> None:
        pipeline = self.redis.pipeline(transaction=False)
        for _ in range(1000):
            pipeline.incr("pipelined")
        equal(pipeline.execute(), list(range(1, 1001)))

    def strings(self) -> None:
        equal(self.redis.set("str", "1"), True)
        equal(self.redis.incr("str"), 2)
        equal(self.redis.get("str"), "2")
        equal(self.redis.get("missing"), None)
        equal(self.redis.expire("str", 100), True)
        equal(self.redis.ttl("str"), 100)
        self.redis.set("short", "x", px=30)
        until("expiry", lambda: self.redis.get("short") is None)

    def large(self) -> None:
        with self.open(decode_responses=False) as binary:
            payload = large_binary()
            binary.set("large", payload)
            equal(binary.get("large") == payload, True)
            binary.xadd("large-stream", {b"b": payload}, id="1-1")
            ((_, fields),) = binary.xrange("large-stream")
            equal(fields[b"b"] == payload, True)

    def info(self) -> None:
        info = self.redis.info()
        equal(info["redis_version"].count("."), 2)
        equal(info["connected_clients"] >= 1, True)

    def scan(self) -> None:
        pipeline = self.redis.pipeline(transaction=False)
        for i in range(300):
            pipeline.set(f"scan:{i}", "x")
        pipeline.execute()
        equal(len(set(self.redis.scan_iter(match="scan:*", count=50))), 300)

    def reconnect(self) -> None:
        with self.open(single_connection_client=True) as victim:
            before = victim.client_id()
            equal(self.redis.client_kill_filter(_id=before), 1)
            equal(victim.ping(), True)
            equal(victim.client_id() != before, True)

    def resubscribe(self) -> None:
        with self.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.subscribe("again")
            subscriber.psubscribe("patt*")
            subscriber.ssubscribe("shard")
            until("subscribed", lambda: self.redis.spublish("shard", "early") == 1)
            equal(self.redis.client_kill_filter(_type="pubsub"), 1)
            got = []

            def received(publish, channel: str) -> bool:
                count = publish(channel, channel)
                message = subscriber.get_message(timeout=0.05)
                got.append(message and message["channel"])
                return count == 1

            until("channel", lambda: received(self.redis.publish, "again"))
            until("pattern", lambda: received(self.redis.publish, "pattern"))
            until("shard", lambda: received(self.redis.spublish, "shard"))
            until("all messages", lambda: received(self.redis.publish, "again") and {"again", "pattern", "shard"} <= set(got))


def messages(subscriber, count: int) -> list[dict]:
    """Collects so many messages, in order."""
    got = []

    def enough() -> bool:
        message = subscriber.get_message(timeout=0.1)
        if message:
            got.append(message)
        return len(got) >= count

    until(f"{count} messages", enough)
    return got


def by_stream(reply) -> dict:
    """One shape for XREAD's answer, which this client gives as a list (RESP2) or as a dict of nested lists (RESP3)."""
    if isinstance(reply, dict):
        return {key: batches[0] for key, batches in reply.items()}
    return {key: entries for key, entries in reply or []}


def fails(call, text: str) -> None:
    try:
        value = call()
    except redis.ResponseError as error:
        if text not in str(error):
            raise AssertionError(f"wanted an error with {text!r}, got {error}") from error
        return
    raise AssertionError(f"wanted an error with {text!r}, got {value!r}")


if __name__ == "__main__":
    main()
