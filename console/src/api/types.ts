// What the API of the console says and takes: one type for each shape, named as the API names its members.

export type Role = 'viewer' | 'operator' | 'admin'

export interface Session {
  role: Role | null
  user: string | null
  expiresMs: number | null
  csrf: string | null
  open: boolean
  ways: ('password' | 'token')[]
  backend: string
  version: string
}

/** Bytes: a text, or base64 of what is no text; long ones are cut in lists. */
export type Value =
  | string
  | { base64: string; bytes?: number; cut?: true }
  | { text: string; bytes: number; cut: true }

/** Bytes as they are sent. */
export type Given = string | { base64: string }

export type Fields = [Value, Value][]

export interface Entry {
  id: string
  ms: number
  fields: Fields
}

/** Part of a list that the server sorts and cuts. */
export interface Page<T> {
  total: number
  offset: number
  asOfMs: number
  complete: boolean
  items: T[]
}

/** Part of a walk through a log; `next` says where to go on. */
export interface Walk<T> {
  items: T[]
  next: string | null
  /** How many were looked at, if not all are here. */
  scanned?: number
}

export type Level = 'ok' | 'warn' | 'bad'

export interface Finding {
  level: Level
  what: string
  text: string
  link: { screen: string; stream?: string; group?: string } | null
}

export interface Sample {
  atMs: number
  commandsPerS: number | null
  appendedPerS: number | null
  lag: number | null
  pending: number | null
  deadLetters: number | null
  clients: number | null
  usedBytes: number | null
  sockets: number | null
}

export interface Overview {
  asOfMs: number
  backend: {
    state: 'connected' | 'connecting' | 'closed'
    reason: string | null
    kind: 'firth' | 'redis' | 'valkey' | 'embedded'
    version: string | null
    nodes: number
    uptimeS: number | null
  }
  rates: {
    commandsPerS: number | null
    inBytesPerS: number | null
    outBytesPerS: number | null
    appendedPerS: number | null
  }
  memory: { usedBytes: number | null; peakBytes: number | null; limitBytes: number | null }
  disk: { bytes: number | null; lastSaveMs: number | null }
  connections: { clients: number | null; blocked: number | null; pubsub: number | null }
  streams: {
    count: number
    entries: number
    bytes: number | null
    groups: number
    lag: number
    lagUnknown: number
    pending: number
    deadLetters: number
    complete: boolean
  } | null
  pubsub: { channels: number | null; patterns: number | null }
  gateway: GatewayCounts
  health: Finding[]
  history?: Sample[]
}

export interface GatewayCounts {
  sockets: number
  users: number
  opened: number
  refused: number
  delivered: number
  slow: number
}

export interface StreamRow {
  name: string
  length: number
  bytes: number | null
  ratePerS: number | null
  added: number | null
  firstId: string | null
  lastId: string | null
  oldestMs: number | null
  newestMs: number | null
  groups: number
  lag: number | null
  pending: number
  deadLetter: boolean
}

export interface Retention {
  maxEntries: number | null
  maxAgeMs: number | null
  maxBytes: number | null
  /** Whether entries go that a group still wants. */
  evenUnacknowledged: boolean
}

export interface Stream extends StreamRow {
  retention: Retention | null
  /** Whether the backend knows policies at all. */
  canRetain: boolean
  groupList: GroupRow[]
}

export interface GroupRow {
  stream: string
  name: string
  consumers: number
  pending: number
  lag: number | null
  lagMs: number | null
  lastDelivered: string
  trend: (number | null)[]
}

export interface Consumer {
  name: string
  pending: number
  idleMs: number | null
}

/** Pending entries that have been idle for at most so long; `null`: longer than all. */
export interface AgeBar {
  upToMs: number | null
  count: number
}

export interface Group extends GroupRow {
  consumerList: Consumer[]
  ages: AgeBar[]
  agesComplete: boolean
}

export interface PendingEntry {
  id: string
  consumer: string
  idleMs: number
  deliveries: number
  entry: Entry | null
}

export interface Counted {
  count: number
  dryRun?: true
  complete?: boolean
}

/** What came of entries that were taken over. */
export interface Taken {
  ids: string[]
  gone: string[]
}

export interface Moved {
  moved: number
  deadLetters: string
}
