// A word in a small box.
import type { ComponentChildren } from 'preact'
import type { Level } from '../api/types'

export function Badge({ level, children }: { level?: Level | 'accent'; children: ComponentChildren }) {
  return <span class={`badge ${level ?? ''}`}>{children}</span>
}
