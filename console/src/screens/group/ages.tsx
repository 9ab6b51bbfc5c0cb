// For how long pending entries have been idle: a histogram.
import type { AgeBar } from '../../api/types'
import { Empty } from '../../components/notice'
import { Panel } from '../../components/page'
import { count } from '../../format/number'
import { duration } from '../../format/time'

const WARN_MS = 600_000

export function Ages({ ages, isComplete }: { ages: AgeBar[]; isComplete: boolean }) {
  const top = Math.max(...ages.map((age) => age.count))
  const note = isComplete ? null : <span class="muted">of the first 10,000</span>
  return (
    <Panel title="Pending by idle time" actions={note}>
      {top === 0 ? <Empty title="Nothing is pending" /> : (
        <div class="bars">
          {ages.map((age, at) => (
            <div class={`bar ${level(age)}`} key={at}>
              <span>{rangeText(age, ages[at - 1])}</span>
              <span class="bar-track">
                <span class="bar-fill" style={{ width: `${(age.count / top) * 100}%` }} />
              </span>
              <span class="bar-count">{count(age.count)}</span>
            </div>
          ))}
        </div>
      )}
    </Panel>
  )
}

function level(age: AgeBar): string {
  if (age.upToMs === null) return 'bad'
  return age.upToMs > WARN_MS ? 'warn' : ''
}

function rangeText(age: AgeBar, before: AgeBar | undefined): string {
  if (age.upToMs !== null) return `up to ${short(age.upToMs)}`
  return `over ${short(before?.upToMs ?? 0)}`
}

/** 1 s, not 1.0 s: these are whole. */
function short(ms: number): string {
  return duration(ms).replace('.0 ', ' ')
}
