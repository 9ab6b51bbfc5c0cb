// What Bun can do at its best: one Redis connection for all sockets, and Bun's own topics for the fan-out.
import { RedisClient } from "bun";

const redis = new RedisClient(process.env.REDIS_URL);
await redis.connect();
const heard = new Set<string>();

async function listen(channel: string) {
  if (heard.has(channel)) return;
  heard.add(channel);
  await redis.subscribe(channel, (message) => void server.publish(channel, message));
}

const server = Bun.serve<{ user: string }>({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  fetch(request, server) {
    const user = new URL(request.url).pathname.split("/").at(-1)!;
    if (!server.upgrade(request, { data: { user } })) return new Response("a WebSocket, please", { status: 426 });
  },
  websocket: {
    async open(socket) {
      for (const channel of [`notifications:${socket.data.user}`, "notifications:broadcast"]) {
        socket.subscribe(channel);
        await listen(channel);
      }
    },
    message() {},
  },
});
