// What the API says of dead letters, jobs, channels, the gateway, the event store and the server.
import type { Entry, Fields, GatewayCounts, Value } from './types'

export interface LettersRow {
  stream: string
  length: number
  oldestMs: number | null
  newestMs: number | null
}

/** Letters that are of a kind: they failed in the same place, for the same reason. */
export interface Reason {
  reason: string
  original: string
  group: string
  count: number
  oldestMs: number
  newestMs: number
}

export interface Letter {
  id: string
  movedAtMs: number
  originalStream: string
  originalId: string
  originalGroup: string
  reason: string
  deliveries: number
  errorChain?: string[]
  fields: Fields
}

export interface Redriven {
  count: number
  exhausted: number
  sample: Entry[]
}

export interface Job {
  id: string
  what: string
  stream: string
  state: 'running' | 'done' | 'failed' | 'stopped'
  done: number
  total: number
  error: string | null
  by: string
  startedMs: number
  endedMs: number | null
}

export interface Audited {
  id: string
  atMs: number
  user: string
  role: string
  action: string
  target: string
  detail: unknown
  outcome: string
  address: string
}

export interface ChannelRow {
  name: string
  subscribers: number
}

/** What was published on a channel. */
export interface Message {
  channel: string
  payload: Value
  atMs: number
}

export interface GatewayNow extends GatewayCounts {
  socketsMax: number
  received: number
  channels: number
  streams: number
}

export interface UserRow {
  user: string | null
  sockets: number
  channels: string[]
}

export interface StoredEvent {
  id: string
  atMs: number
  aggregate: string
  version: number | null
  type: string
  data: unknown
  metadata: unknown
}

export interface ClientRow {
  node: string
  fields: Record<string, string>
}

export interface SlowRow {
  node: string
  id: number
  atMs: number
  tookUs: number
  args: string[]
  client: string
  name: string
}

export interface SettingRow {
  node: string
  name: string
  value: string
}

export interface UserRules {
  node: string
  user: string
  rules: string
}
