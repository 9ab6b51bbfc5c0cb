// How everything is: followed as long as somebody is logged in, for the overview and for the edge of all screens.
import { signal } from '@preact/signals'
import { address, get } from './client'
import { follow, type Listeners, type LiveState } from './live'
import { Problem } from './problem'
import type { Overview, Sample } from './types'

/** The newest overview; none before the first. */
export const overview = signal<Overview | null>(null)

/** The numbers of the last half hour, the oldest first. */
export const samples = signal<Sample[]>([])

/** Whether the overview is followed now. */
export const live = signal<LiveState>('off')

/** Why it could not be read. */
export const problem = signal<Problem | null>(null)

const SAMPLES_MAX = 900
const RETRY_MS = 3000

/** Begins to follow, until the returned function is called. */
export function followOverview(): () => void {
  const listeners: Listeners = { overview: ({ data }) => take(JSON.parse(data) as Overview) }
  let timer = 0
  const read = () => {
    get<Overview>('overview').then(begin, (error: unknown) => {
      problem.value = Problem.of(error)
      timer = window.setTimeout(read, RETRY_MS)
    })
  }
  read()
  const stop = follow(address('live/overview'), { current: listeners }, (state) => (live.value = state))
  return () => {
    window.clearTimeout(timer)
    stop()
    live.value = 'off'
  }
}

function begin(told: Overview): void {
  problem.value = null
  samples.value = told.history ?? []
  overview.value = told
}

function take(told: Overview): void {
  problem.value = null
  overview.value = told
  const last = samples.value.at(-1)
  if (last && last.atMs >= told.asOfMs) return
  samples.value = [...samples.value.slice(1 - SAMPLES_MAX), sampleOf(told)]
}

function sampleOf(told: Overview): Sample {
  return {
    atMs: told.asOfMs,
    commandsPerS: told.rates.commandsPerS,
    appendedPerS: told.rates.appendedPerS,
    lag: told.streams?.lag ?? null,
    pending: told.streams?.pending ?? null,
    deadLetters: told.streams?.deadLetters ?? null,
    clients: told.connections.clients,
    usedBytes: told.memory.usedBytes,
    sockets: told.gateway.sockets,
  }
}
