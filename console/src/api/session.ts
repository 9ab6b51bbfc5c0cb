// Who is looking, and what they may do.
import { signal } from '@preact/signals'
import type { Role, Session } from './types'

/** The session; none before it has been read. */
export const session = signal<Session | null>(null)

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

/** Tells whether the role is enough. */
export function may(role: Role): boolean {
  const own = session.value?.role
  return own != null && RANK[own] >= RANK[role]
}

/** Returns what a control says when the role is too low for it; nothing otherwise. */
export function lacking(role: Role): string | undefined {
  return may(role) ? undefined : `needs the role ${role}`
}
