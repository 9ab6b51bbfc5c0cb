// Short words on what came of an action, at the edge of the page.
import { signal } from '@preact/signals'
import { Problem } from '../api/problem'
import type { Level } from '../api/types'
import { Button } from './button'
import { Icon } from './icon'
import { sentence } from './notice'

interface Toast {
  id: number
  level: Level
  text: string
}

const toasts = signal<Toast[]>([])
const SHOWN_MS = { ok: 4000, warn: 8000, bad: 12_000 }
let last = 0

/** Says something for a while. */
export function tell(text: string, level: Level = 'ok'): void {
  const id = (last += 1)
  toasts.value = [...toasts.value.slice(-3), { id, level, text }]
  window.setTimeout(() => drop(id), SHOWN_MS[level])
}

/**
 * Does something and says what came of it: the text that `done` makes of the answer, or the problem.
 * Returns the answer; `null` if it failed.
 */
export async function attempt<T>(action: () => Promise<T>, done?: (answer: T) => string): Promise<T | null> {
  try {
    const answer = await action()
    if (done) tell(done(answer))
    return answer
  } catch (error) {
    tell(sentence(Problem.of(error)), 'bad')
    return null
  }
}

/** Where they are shown; once in the page. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div class={`toast ${toast.level}`} key={toast.id}>
          <Icon name={toast.level} />
          <span>{toast.text}</span>
          <Button look="quiet" icon="close" label="Dismiss" onClick={() => drop(toast.id)} />
        </div>
      ))}
    </div>
  )
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id)
}
