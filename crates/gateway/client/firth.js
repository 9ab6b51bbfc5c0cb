// The browser's side of Firth's gateway: channels, streams that resume, presence, the inbox.
// It comes back by itself after a connection was lost, with pauses that grow and have some chance in them, and goes on
// behind the last entry that it has seen. Where WebSockets do not get through it uses event streams and requests.

const PAUSE_MS = 300;
const PAUSE_MAX_MS = 20_000;
const ANSWER_MAX_MS = 15_000;
const FAILURES_BEFORE_SSE = 2;

/** Connects to a gateway; by default to the one that the page or this module came from. */
export function connect(options = {}) {
  return new Firth(options);
}

/** What a gateway refuses, with its `code`. */
export class FirthError extends Error {
  constructor(code, text) {
    super(text);
    this.name = "FirthError";
    this.code = code;
  }
}

export class Firth {
  #options;
  #url;
  #state = "connecting";
  #wanted = new Map();
  #asked = new Map();
  #waiting = [];
  #seq = 0;
  #failures = 0;
  #socket = null;
  #timer = null;
  #transport;
  #watchers = new Set();

  constructor(options) {
    this.#options = options;
    this.#url = String(options.url ?? home()).replace(/\/$/, "").replace(/^ws/, "http");
    const hasSocket = Boolean(options.WebSocket ?? globalThis.WebSocket);
    this.#transport = options.transport ?? (hasSocket ? "ws" : "sse");
    this.#open();
  }

  /** `connecting`, `connected`, or `closed`. */
  get state() {
    return this.#state;
  }

  /** `ws`, or `sse` where WebSockets do not get through. */
  get transport() {
    return this.#transport;
  }

  /** Tells of every change of the state; returns what ends that. */
  onState(handler) {
    this.#watchers.add(handler);
    return () => this.#watchers.delete(handler);
  }

  /** Hears everything that is published on a channel. */
  subscribe(channel, handler, options = {}) {
    return this.#want({ kind: "channel", name: channel, handler, ...options });
  }

  /** Follows a stream: from now on, or behind `after` ("0-0": from its beginning). */
  stream(stream, handler, options = {}) {
    return this.#want({ kind: "stream", name: stream, handler, ...options });
  }

  /** Follows the inbox of the token's user: all that was not read, and what comes. */
  inbox(handler, options = {}) {
    return this.#want({ kind: "inbox", name: true, handler, ...options });
  }

  async publish(channel, data) {
    return (await this.#ask("publish", { channel, data })).receivers;
  }

  async append(stream, fields) {
    return (await this.#ask("append", { stream, fields })).id;
  }

  async history(stream, { from, to, limit, newest } = {}) {
    return (await this.#ask("history", { stream, from, to, limit, newest })).entries;
  }

  async presence(channel) {
    const { members, nameless } = await this.#ask("presence", { channel });
    return { members, nameless };
  }

  async notifications({ limit } = {}) {
    const { items, unread } = await this.#ask("inbox", { limit });
    return { items, unread };
  }

  /** Marks as read: `{ upTo: id }` or `{ ids: [...] }`. */
  async markRead(what) {
    const { marked, unread } = await this.#ask("read", what);
    return { marked, unread };
  }

  close() {
    this.#become("closed");
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    for (const wanted of this.#wanted.values()) wanted.stop?.abort();
    this.#wanted.clear();
    this.#fail(new FirthError("closed", "the client was closed"));
  }

  // Subscriptions

  #want(wanted) {
    const key = `${wanted.kind}:${wanted.name}`;
    if (this.#wanted.has(key)) throw new FirthError("refused", `${key} is subscribed to already`);
    this.#wanted.set(key, wanted);
    wanted.ready = new Promise((resolve, reject) => Object.assign(wanted, { resolve, reject }));
    // Whoever does not wait for it learns of a refusal by `onError` alone.
    wanted.ready.catch(() => {});
    if (this.#transport === "sse") this.#listen(wanted);
    else if (this.#state === "connected") this.#subscribe(wanted);
    const unsubscribe = () => {
      if (this.#wanted.get(key) !== wanted) return;
      this.#wanted.delete(key);
      wanted.stop?.abort();
      if (this.#socket && this.#state === "connected") {
        this.#ask("unsubscribe", { [wanted.kind]: wanted.name }).catch(() => {});
      }
    };
    return { ready: wanted.ready, unsubscribe, get last() { return wanted.after; } };
  }

  async #subscribe(wanted) {
    const { kind, name, after, presence } = wanted;
    try {
      const reply = await this.#ask("subscribe", { [kind]: name, after, presence });
      if (reply.after) wanted.after = reply.after;
      // What came while nobody listened is lost on a channel; a stream says so itself.
      if (kind === "channel" && wanted.was) wanted.onGap?.({ type: "gap", channel: name, reason: "reconnected" });
      wanted.was = true;
      if (presence) wanted.onPresence?.({ type: "present", members: reply.members, nameless: reply.nameless });
      wanted.resolve(reply);
    } catch (error) {
      if (error.code === "lost" || error.code === "closed") return;
      if (error.code === "unavailable" || error.code === "late") {
        // The gateway is there, and what is behind it will be.
        const socket = this.#socket;
        setTimeout(() => {
          const isWanted = this.#wanted.get(`${kind}:${name}`) === wanted;
          if (isWanted && socket && this.#socket === socket) this.#subscribe(wanted);
        }, pause(4));
        return;
      }
      this.#wanted.delete(`${kind}:${name}`);
      wanted.reject(error);
      wanted.onError?.(error);
    }
  }

  #hear(message) {
    const { type, channel, stream } = message;
    const is = channel !== undefined ? `channel:${channel}` : stream !== undefined ? `stream:${stream}` : "inbox:true";
    const wanted = this.#wanted.get(is);
    if (!wanted) return;
    if (message.id) wanted.after = message.id;
    if (type === "message") wanted.handler(message.data ?? bytes(message.base64), message);
    else if (type === "entry" || type === "notification") wanted.handler(message);
    else if (type === "gap") wanted.onGap?.(message);
    else if (type === "read") wanted.onRead?.(message);
    else if (type === "present" || type === "join" || type === "leave") wanted.onPresence?.(message);
    else if (type === "ended") {
      this.#wanted.delete(is);
      wanted.onError?.(new FirthError("ended", message.error));
    }
  }

  // The connection

  async #open() {
    if (this.#transport === "sse") {
      for (const wanted of this.#wanted.values()) this.#listen(wanted);
      this.#become("connected");
      this.#waiting.splice(0).forEach((go) => go());
      return;
    }
    const token = await this.#token().catch(() => undefined);
    if (this.#state === "closed") return;
    const query = token ? `?token=${encodeURIComponent(token)}` : "";
    const socket = new (this.#options.WebSocket ?? globalThis.WebSocket)(`${this.#url.replace(/^http/, "ws")}/ws${query}`);
    let isOpen = false;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "hello") {
        isOpen = true;
        this.#failures = 0;
        this.#become("connected");
        for (const wanted of this.#wanted.values()) this.#subscribe(wanted);
        this.#waiting.splice(0).forEach((go) => go());
      } else if (message.type === "reply" || message.type === "error") this.#answered(message);
      else this.#hear(message);
    };
    socket.onclose = ({ code, reason }) => {
      if (this.#socket === socket) this.#lost(code, reason, isOpen);
    };
    socket.onerror = () => {};
  }

  #lost(code, reason, wasOpen) {
    this.#socket = null;
    if (this.#state === "closed") return;
    for (const [, { reject }] of this.#asked) reject(new FirthError("lost", "the connection was lost"));
    this.#asked.clear();
    if (code === 1009 || (code >= 4500 && code < 5000)) return this.#end(new FirthError(code, reason));
    this.#become("connecting");
    this.#failures += 1;
    const isBlocked = !wasOpen && code !== 4003 && this.#failures >= FAILURES_BEFORE_SSE;
    if (isBlocked && this.#options.transport !== "ws") return this.#trySse();
    this.#again();
  }

  #again() {
    this.#timer = setTimeout(() => this.#open(), pause(this.#failures));
  }

  /** Uses event streams if the gateway can be reached without a WebSocket. */
  async #trySse() {
    const answer = await fetch(`${this.#url}/healthz`).catch(() => null);
    if (this.#state === "closed") return;
    if (!answer?.ok) return this.#again();
    this.#transport = "sse";
    this.#open();
  }

  /** It makes no sense to come back. */
  #end(error) {
    const wanted = [...this.#wanted.values()];
    this.close();
    for (const one of wanted) {
      one.reject(error);
      one.onError?.(error);
    }
  }

  #fail(error) {
    for (const [, { reject }] of this.#asked) reject(error);
    this.#asked.clear();
    this.#waiting.splice(0).forEach((go) => go());
  }

  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    for (const watcher of this.#watchers) watcher(state);
  }

  async #token() {
    const { token } = this.#options;
    return typeof token === "function" ? token() : token;
  }

  // Requests

  async #ask(what, content) {
    // What a subscription needs is asked while it connects; all else waits until it has.
    while (this.#state === "connecting") await new Promise((go) => this.#waiting.push(go));
    if (this.#state === "closed") throw new FirthError("closed", "the client was closed");
    if (this.#transport === "sse") return this.#request(what, content);
    const seq = (this.#seq += 1);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#asked.delete(seq);
        reject(new FirthError("late", "no answer"));
      }, ANSWER_MAX_MS);
      const settle = (go) => (value) => {
        clearTimeout(late);
        go(value);
      };
      this.#asked.set(seq, { resolve: settle(resolve), reject: settle(reject) });
      this.#socket.send(JSON.stringify({ do: what, seq, ...content }));
    });
  }

  #answered(message) {
    const asked = this.#asked.get(message.seq);
    this.#asked.delete(message.seq);
    if (message.type === "error") asked?.reject(new FirthError(message.code, message.text));
    else asked?.resolve(message);
  }

  async #request(what, content) {
    const isRead = ["history", "presence", "inbox"].includes(what);
    const given = Object.entries(content).filter(([, value]) => value !== undefined);
    const query = isRead && given.length > 0 ? `?${new URLSearchParams(given)}` : "";
    const answer = await fetch(`${this.#url}/api/${what}${query}`, {
      method: isRead ? "GET" : "POST",
      headers: { ...(await this.#headers()), ...(isRead ? {} : { "content-type": "application/json" }) },
      body: isRead ? undefined : JSON.stringify(content),
    });
    const body = await answer.json();
    if (!answer.ok) throw new FirthError(word(answer.status), body.error);
    return body;
  }

  async #headers() {
    const token = await this.#token();
    return token ? { authorization: `Bearer ${token}` } : {};
  }

  // Event streams: one for each subscription

  async #listen(wanted) {
    wanted.stop = new AbortController();
    let failures = 0;
    while (!wanted.stop.signal.aborted) {
      const { kind, name, after, presence } = wanted;
      const query = new URLSearchParams({ [kind]: name, ...(after ? { after } : {}), ...(presence ? { presence } : {}) });
      try {
        const headers = { ...(await this.#headers()), accept: "text/event-stream" };
        const answer = await fetch(`${this.#url}/sse?${query}`, { headers, signal: wanted.stop.signal });
        if (answer.status >= 400 && answer.status < 500) {
          const error = new FirthError(word(answer.status), (await answer.json()).error);
          this.#wanted.delete(`${wanted.kind}:${wanted.name}`);
          wanted.reject(error);
          wanted.onError?.(error);
          return;
        }
        if (answer.ok) {
          failures = 0;
          if (wanted.was && wanted.kind === "channel") {
            wanted.onGap?.({ type: "gap", channel: wanted.name, reason: "reconnected" });
          }
          wanted.was = true;
          // A stream that is followed from now on says first where that is.
          if (after || kind !== "stream") wanted.resolve({});
          for await (const { id, data } of eventsOf(answer.body)) {
            if (id) wanted.after = id;
            wanted.resolve({});
            if (data) this.#hear(JSON.parse(data));
          }
        }
      } catch {
        if (wanted.stop.signal.aborted) return;
      }
      failures += 1;
      await new Promise((go) => setTimeout(go, pause(failures)));
    }
  }
}

/** The gateway that this module came from, or else the host of the page. */
function home() {
  const here = new URL(import.meta.url);
  const isFromGateway = here.protocol.startsWith("http") && here.pathname === "/firth.js";
  return isFromGateway ? here.origin : globalThis.location?.origin;
}

/** Between a half and the whole of a pause that doubles. */
function pause(failures) {
  const longest = Math.min(PAUSE_MS * 2 ** Math.min(failures - 1, 10), PAUSE_MAX_MS);
  return longest * (0.5 + Math.random() / 2);
}

function word(status) {
  return { 400: "refused", 401: "denied", 403: "denied", 429: "limit", 503: "unavailable" }[status] ?? "refused";
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The events in the body of an event stream that have an id, data, or both. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const of = (name) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
      if (of("event").includes("close")) return;
      const [id, data] = [of("id").at(-1), of("data").join("\n")];
      if (id || data) yield { id, data };
    }
  }
}
