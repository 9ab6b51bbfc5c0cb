// A walk through a log: its first part, and more of it on demand.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { address, get } from '../api/client'
import { Problem } from '../api/problem'
import type { Query } from '../api/query'
import { useResource, type Resource } from '../api/resource'
import type { Walk } from '../api/types'
import { count, several } from '../format/number'
import { Button } from './button'
import { Empty, Loaded, sentence, Skeleton, Trouble } from './notice'
import { Table, type TableProps } from './table'
import { tell } from './toast'

export interface Walking<T> {
  /** All that was read; its problem is that of the first part. */
  resource: Resource<Walk<T>>
  /** Whether the first part or more is read now. */
  isLoading: boolean
  /** Why the first part or more could not be read. */
  problem: Problem | null
  /** Reads the part behind what is there; returns why it could not. */
  more: () => Promise<Problem | null>
  /** Begins anew, with nothing. */
  again: () => void
}

/** What came behind the first part. */
interface Further<T> {
  first: Walk<T>
  all: Walk<T>
  isLoading: boolean
  problem: Problem | null
}

/**
 * Reads what `query` asks for; `cursor` is the parameter that goes on with the answer's `next`.
 * With `everyMs` the first part is read again that often, until more is read.
 */
export function useWalk<T>(path: string, query: Query, cursor: 'from' | 'to', everyMs?: number): Walking<T> {
  const [round, setRound] = useState(0)
  const [last, setLast] = useState<Further<T> | null>(null)
  const isFurther = last !== null && (last.isLoading || last.all !== last.first)
  const key = `${address(path, query)}\n${round}`
  const resource = useResource<Walk<T>>(key, (signal) => get(path, query, signal), isFurther ? undefined : everyMs)
  const first = resource.data
  const further = last && last.first === first ? last : null
  const all = further?.all ?? first
  const more = async () => {
    if (!first || !all?.next) return null
    setLast({ first, all, isLoading: true, problem: null })
    try {
      const part = await get<Walk<T>>(path, { ...query, [cursor]: all.next })
      setLast({ first, all: joined(all, part), isLoading: false, problem: null })
      return null
    } catch (error) {
      const problem = Problem.of(error)
      setLast({ first, all, isLoading: false, problem })
      return problem
    }
  }
  return {
    resource: { ...resource, data: all },
    isLoading: resource.isLoading || (further?.isLoading ?? false),
    problem: resource.problem ?? further?.problem ?? null,
    more,
    again: () => setRound(round + 1),
  }
}

function joined<T>(all: Walk<T>, part: Walk<T>): Walk<T> {
  return { items: [...all.items, ...part.items], next: part.next, scanned: scannedIn(all) + scannedIn(part) }
}

function scannedIn<T>({ scanned, items }: Walk<T>): number {
  return scanned ?? items.length
}

/** Shows what was read, and a button for more. */
export function WalkView<T>(props: {
  of: Walking<T>
  empty: string
  children: (items: T[]) => ComponentChildren
}) {
  const { resource, more } = props.of
  const further = () => void more().then((problem) => problem && tell(sentence(problem), 'bad'))
  return (
    <Loaded of={resource}>
      {({ items, next }) => (
        <>
          {items.length > 0 ? props.children(items) : !next && <Empty title={props.empty} />}
          {next && (
            <div class="paging">
              <span class="muted">{items.length === 0 && 'Nothing found so far'}</span>
              <Button onClick={further}>Look further</Button>
            </div>
          )}
        </>
      )}
    </Loaded>
  )
}

/** Shows entries that were read in a table, how far the walk came, and the way on. */
export function WalkTable<T>(
  props: Omit<TableProps<T>, 'rows'> & {
    walk: Walking<T>
    /** What is said when there is none. */
    empty: string
    /** How many bars there are while the first part is loaded. */
    bars: number
  },
) {
  const { walk, empty, bars, ...table } = props
  const items = walk.resource.data?.items ?? []
  return (
    <>
      {items.length > 0 && <Table {...table} rows={items} />}
      {items.length === 0 && walk.isLoading && <Skeleton rows={bars} />}
      {items.length === 0 && !walk.isLoading && !walk.problem && <Empty title={empty} />}
      {walk.problem && <Trouble problem={walk.problem} retry={walk.again} />}
      <End walk={walk} />
    </>
  )
}

function End<T>({ walk }: { walk: Walking<T> }) {
  const { resource: { data }, isLoading, problem } = walk
  const shown = data?.items.length ?? 0
  const scanned = data ? scannedIn(data) : 0
  const next = data?.next ?? null
  return (
    <div class="paging">
      <span class="muted">
        {several(shown, 'entry', 'entries')} shown{scanned > shown && `, ${count(scanned)} looked at`}
        {next === null && !isLoading && !problem && '; that is all'}
      </span>
      {(next !== null || (isLoading && shown > 0)) && (
        <Button onClick={() => void walk.more()} disabled={isLoading}>
          {isLoading ? 'Looking\u2026' : shown < scanned ? 'Look further' : 'Show more'}
        </Button>
      )}
    </div>
  )
}
