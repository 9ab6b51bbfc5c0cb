// How a page uses the client, with types: this is compiled and never run.
import { connect, Firth, FirthError } from "../../crates/gateway/client/firth.js";
import type { Entry, Gap, Present, Subscription } from "../../crates/gateway/client/firth.js";

const firth: Firth = connect({ url: "http://localhost:7381", token: async () => "token", transport: "ws" });
const stop: () => void = firth.onState((state) => state satisfies "connecting" | "connected" | "closed");
const news: Subscription = firth.subscribe("news", (data) => (typeof data === "string" ? data.length : data.byteLength), {
  presence: true,
  onPresence: (what) => (what.type === "present" ? what.members["7"] : what.user),
  onGap: (gap: Gap) => gap.reason,
  onError: (error: FirthError) => error.code,
});
const orders = firth.stream("orders", (entry: Entry) => entry.fields.n, { after: news.last ?? "0-0" });
const inbox = firth.inbox((notification) => JSON.parse(notification.data), { onRead: (read) => read.unread });

export async function all(): Promise<Present> {
  await Promise.all([news.ready, orders.ready, inbox.ready]);
  const receivers: number = await firth.publish("news", { any: "JSON" });
  const id: string = await firth.append("orders", { n: receivers });
  const [{ fields }] = await firth.history("orders", { from: id, limit: 1, newest: true });
  const { items, unread } = await firth.notifications({ limit: 20 });
  await firth.markRead(unread > 0 ? { upTo: items[0].id } : { ids: [] });
  // @ts-expect-error: one of both
  await firth.markRead({});
  // @ts-expect-error: there is no such way
  connect({ transport: "carrier pigeon" });
  news.unsubscribe();
  stop();
  firth.close();
  console.log(fields, firth.transport);
  return firth.presence("news");
}
