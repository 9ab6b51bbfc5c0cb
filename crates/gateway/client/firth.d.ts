/** The id of an entry: `milliseconds-number`. */
export type EntryId = string;

/** Something that was published on a channel. */
export interface Message {
  type: "message";
  channel: string;
  data?: string;
  base64?: string;
}

/** An entry of a stream. */
export interface Entry {
  type: "entry";
  stream: string;
  id: EntryId;
  fields: Record<string, string | { base64: string }>;
}

/** A notification of the inbox; `data` is the JSON that was delivered. */
export interface Notification {
  type: "notification";
  id: EntryId;
  data: string;
  read: boolean;
}

/** Something may have been missed. */
export interface Gap {
  type: "gap";
  channel?: string;
  stream?: string;
  inbox?: true;
  reason: "reconnected" | "overflow" | "trimmed" | "reset";
  missed?: number;
}

/** Notifications were marked as read, on whatever device. */
export interface Read {
  type: "read";
  upTo?: EntryId;
  ids?: EntryId[];
  unread: number;
}

/** Who is on a channel: users, and how many sockets each has; and how many sockets have no user. */
export interface Present {
  members: Record<string, number>;
  nameless: number;
}

export type PresenceNews =
  | ({ type: "present" } & Present)
  | { type: "join" | "leave"; channel: string; user: string };

export interface Options {
  /** Where the gateway is; by default where the page came from. */
  url?: string;
  /** A token, or what gets a fresh one before each connection. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** Insists on one way; by default WebSockets, and event streams where they do not get through. */
  transport?: "ws" | "sse";
  /** The constructor of WebSockets where there is none. */
  WebSocket?: new (url: string) => WebSocket;
}

interface ForAll {
  onGap?: (gap: Gap) => void;
  /** It is refused, or has ended; there will be nothing more. */
  onError?: (error: FirthError) => void;
}

export interface ChannelOptions extends ForAll {
  /** Whether to be told who is there, and who comes and goes. */
  presence?: boolean;
  onPresence?: (news: PresenceNews) => void;
}

export interface StreamOptions extends ForAll {
  /** Behind which entry to begin; `0-0` for all that there is. */
  after?: EntryId;
}

export interface InboxOptions extends StreamOptions {
  onRead?: (read: Read) => void;
}

export interface Subscription {
  /** Done once it is heard, rejected if it is refused. */
  readonly ready: Promise<unknown>;
  /** The last entry that was seen: where to begin the next time. */
  readonly last: EntryId | undefined;
  unsubscribe(): void;
}

export class FirthError extends Error {
  /** `denied`, `malformed`, `limit`, `unavailable`, `refused`, `lost`, `late`, `closed`, `ended`, or a closing code. */
  readonly code: string | number;
}

export class Firth {
  constructor(options: Options);
  readonly state: "connecting" | "connected" | "closed";
  readonly transport: "ws" | "sse";
  onState(handler: (state: Firth["state"]) => void): () => void;
  subscribe(channel: string, handler: (data: string | Uint8Array, message: Message) => void, options?: ChannelOptions): Subscription;
  stream(stream: string, handler: (entry: Entry) => void, options?: StreamOptions): Subscription;
  inbox(handler: (notification: Notification) => void, options?: InboxOptions): Subscription;
  publish(channel: string, data: unknown): Promise<number>;
  append(stream: string, fields: Record<string, unknown>): Promise<EntryId>;
  history(stream: string, range?: { from?: EntryId; to?: EntryId; limit?: number; newest?: boolean }): Promise<{ id: EntryId; fields: Entry["fields"] }[]>;
  presence(channel: string): Promise<Present>;
  notifications(options?: { limit?: number }): Promise<{ items: { id: EntryId; data: unknown; read: boolean }[]; unread: number }>;
  markRead(what: { upTo: EntryId } | { ids: EntryId[] }): Promise<{ marked: number; unread: number }>;
  close(): void;
}

/** Connects to a gateway. */
export function connect(options?: Options): Firth;
