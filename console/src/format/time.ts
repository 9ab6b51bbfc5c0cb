// Times and durations for people, in the time of their own place.

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** 250 ms, 1.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h */
export function duration(ms: number | null | undefined): string {
  if (ms == null) return '\u2013'
  if (ms < SECOND) return `${Math.round(ms)} ms`
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return pair(ms, MINUTE, 'min', SECOND, 's')
  if (ms < DAY) return pair(ms, HOUR, 'h', MINUTE, 'min')
  return pair(ms, DAY, 'd', HOUR, 'h')
}

function pair(ms: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % big) / small)
  return `${Math.floor(ms / big)} ${bigName}` + (rest > 0 ? ` ${rest} ${smallName}` : '')
}

/** 2026-11-26 16:23:44.123 */
export function dateTime(ms: number): string {
  const at = new Date(ms)
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${date} ${clockTime(ms)}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

/** 16:23:44 */
export function clockTime(ms: number): string {
  const at = new Date(ms)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
}

/** What a field of the kind datetime-local holds, as Unix milliseconds. */
export function ofInput(text: string): number | null {
  const ms = text === '' ? NaN : new Date(text).getTime()
  return Number.isNaN(ms) ? null : ms
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
