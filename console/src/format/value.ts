// Values as people read them: JSON, text, or the bytes themselves.
import type { Value } from '../api/types'
import { indented } from './json'

export type Decoder = 'auto' | 'json' | 'text' | 'hex'

export interface Decoded {
  kind: 'json' | 'text' | 'hex'
  text: string
  /** How many bytes there are in all, if what is here is only their beginning. */
  cutOf: number | null
  /** Why it could not be read as asked. */
  problem: string | null
}

const BYTES_A_LINE = 16

/** Reads a value as asked; `auto` takes what fits best. */
export function decode(value: Value, decoder: Decoder): Decoded {
  const text = textOf(value)
  const cutOf = typeof value === 'object' && value.cut ? (value.bytes ?? null) : null
  const is = (kind: Decoded['kind'], shown: string, problem: string | null = null) => ({
    kind, text: shown, cutOf, problem,
  })
  if (decoder === 'hex' || (decoder === 'auto' && text === null)) return is('hex', hex(bytesOf(value)))
  const readable = text ?? new TextDecoder().decode(bytesOf(value))
  if (decoder === 'text') return is('text', readable)
  const json = cutOf === null ? pretty(readable, decoder === 'json') : null
  if (json !== null) return is('json', json)
  return is('text', readable, decoder === 'json' ? 'not JSON' : null)
}

/** A value in one line, for lists. */
export function oneLine(value: Value): string {
  const text = textOf(value)
  if (text !== null) return text.replace(/\s+/g, ' ')
  return Array.from(bytesOf(value), byte).join(' ')
}

/** Says whether only the beginning of a value is here. */
export function isCut(value: Value): boolean {
  return typeof value === 'object' && value.cut === true
}

/** The text of a value, if it is one. */
export function textOf(value: Value): string | null {
  if (typeof value === 'string') return value
  return 'text' in value ? value.text : null
}

function bytesOf(value: Value): Uint8Array {
  const text = textOf(value)
  if (text !== null) return new TextEncoder().encode(text)
  if (typeof value === 'string' || !('base64' in value)) return new Uint8Array()
  return Uint8Array.from(atob(value.base64), (char) => char.charCodeAt(0))
}

/** JSON, indented. Only objects and lists count unless `anything` does: 12 is a text as well. */
function pretty(text: string, anything: boolean): string | null {
  return anything || /^\s*[[{]/.test(text) ? indented(text) : null
}

/** 0000  48 65 6c 6c 6f ...  Hello */
function hex(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += BYTES_A_LINE) {
    const part = bytes.slice(at, at + BYTES_A_LINE)
    const shown = Array.from(part, byte).join(' ').padEnd(BYTES_A_LINE * 3 - 1)
    const text = Array.from(part, (code) => (code >= 32 && code < 127 ? String.fromCharCode(code) : '.'))
    lines.push(`${at.toString(16).padStart(4, '0')}  ${shown}  ${text.join('')}`)
  }
  return lines.join('\n')
}

function byte(code: number): string {
  return code.toString(16).padStart(2, '0')
}
