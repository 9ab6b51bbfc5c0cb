// What a place says when there is nothing, not yet, or not without trouble.
import type { ComponentChildren } from 'preact'
import type { Resource } from '../api/resource'
import type { Problem } from '../api/problem'
import type { Level } from '../api/types'
import { Button } from './button'
import { Icon } from './icon'

/** Nothing is there: says so, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name="empty" />
      <p class="empty-title">{title}</p>
      {children && <div class="empty-text">{children}</div>}
    </div>
  )
}

/** A remark in a box. */
export function Note({ level = 'ok', children }: { level?: Level; children: ComponentChildren }) {
  return (
    <div class={`note ${level}`} role={level === 'bad' ? 'alert' : undefined}>
      <Icon name={level} />
      <div>{children}</div>
    </div>
  )
}

/** What went wrong, and another try. */
export function Trouble({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <Note level="bad">
      <span>{sentence(problem)}</span> {retry && <Button look="quiet" onClick={retry}>Try again</Button>}
    </Note>
  )
}

/** Shows a resource when it is there: bars until then, what went wrong above what was there. */
export function Loaded<T>(props: {
  of: Resource<T>
  rows?: number
  children: (data: T) => ComponentChildren
}) {
  const { data, problem, reload } = props.of
  return (
    <>
      {problem && <Trouble problem={problem} retry={reload} />}
      {data !== null && props.children(data)}
      {data === null && !problem && <Skeleton rows={props.rows ?? 6} />}
    </>
  )
}

/** Bars in the place of what is being loaded. */
export function Skeleton({ rows }: { rows: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => <div class="skeleton-bar" key={row} />)}
    </div>
  )
}

/** The text of a problem, with what helps. */
export function sentence(problem: Problem): string {
  const text = problem.message.charAt(0).toUpperCase() + problem.message.slice(1)
  return problem.needs ? `${text} (needs the role ${problem.needs})` : text
}
