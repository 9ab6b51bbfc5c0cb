// The document's own route: a Redis connection for each socket. It says on which port it listens.
import { Elysia } from "elysia";
import { RedisClient } from "bun";

const app = new Elysia().ws("/notifications/:userId", {
  async open(ws) {
    const { userId } = ws.data.params;
    const subscriber = new RedisClient(process.env.REDIS_URL);
    await subscriber.connect();
    (ws as any).subscriber = subscriber;
    await subscriber.subscribe(`notifications:${userId}`, (message) => {
      ws.send(message);
    });
    await subscriber.subscribe("notifications:broadcast", (message) => {
      ws.send(message);
    });
  },
  close(ws) {
    const subscriber = (ws as any).subscriber as RedisClient;
    if (subscriber) subscriber.close();
  },
});

app.listen({ hostname: "127.0.0.1", port: Number(process.env.PORT) });
console.log(app.server!.port);
