// A time: exact, or how long ago; the other one on pointing at it.
import { nowMs } from '../clock'
import { dateTime, duration } from '../format/time'

const JUST_NOW_MS = 1500

/** 2026-11-26 16:23:44.123 */
export function At({ ms }: { ms: number | null }) {
  if (ms === null) return <span class="muted">{'\u2013'}</span>
  return <time dateTime={new Date(ms).toISOString()}>{dateTime(ms)}</time>
}

/** 3 min 20 s ago */
export function Ago({ ms }: { ms: number | null }) {
  if (ms === null) return <span class="muted">{'\u2013'}</span>
  const age = nowMs.value - ms
  return (
    <time dateTime={new Date(ms).toISOString()} title={dateTime(ms)}>
      {age < JUST_NOW_MS ? 'just now' : `${duration(age)} ago`}
    </time>
  )
}
