// The time, once a second, for what says how long ago something was.
import { signal } from '@preact/signals'

export const nowMs = signal(Date.now())

/** Lets the clock run, while the page can be seen. */
export function startClock(): void {
  window.setInterval(() => {
    if (!document.hidden) nowMs.value = Date.now()
  }, 1000)
}
