// Numbers for people. What is not known is a dash.

const UNKNOWN = '\u2013'
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const SIZES = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']

/** 12,345 */
export function count(value: number | null | undefined): string {
  return value == null ? UNKNOWN : whole.format(value)
}

/** 12.3K, where there is little room. */
export function brief(value: number | null | undefined): string {
  if (value == null) return UNKNOWN
  return Math.abs(value) < 10_000 ? fine.format(value) : short.format(value)
}

/** 0.5, 12.3, 1,234: so many a second. */
export function rate(value: number | null | undefined): string {
  if (value == null) return UNKNOWN
  return value >= 100 ? whole.format(value) : fine.format(value)
}

/** 64 KB: of 1024 bytes each. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return UNKNOWN
  let size = value
  let step = 0
  while (size >= 1024 && step < SIZES.length - 1) {
    size /= 1024
    step += 1
  }
  return `${step > 0 && size < 100 ? fine.format(size) : whole.format(size)} ${SIZES[step]}`
}

/** One entry, 2 entries. */
export function several(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}
