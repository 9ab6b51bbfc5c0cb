// A walk through a log: its first page, and more of it on demand.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { address, get, type Query } from '../api/client'
import { useResource, type Resource } from '../api/resource'
import type { Walk } from '../api/types'
import { Button } from './button'
import { Empty, Loaded } from './notice'
import { attempt } from './toast'

export interface Walking<T> {
  resource: Resource<Walk<T>>
  /** Reads the next page behind what is there. */
  more: () => Promise<void>
}

/** Reads what `query` asks for; `next` is the parameter that goes on with the answer's `next`. */
export function useWalk<T>(path: string, query: Query, next: 'from' | 'to', everyMs?: number): Walking<T> {
  const key = address(path, query)
  const [rest, setRest] = useState<{ of: Walk<T>; walk: Walk<T> } | null>(null)
  const resource = useResource<Walk<T>>(key, (signal) => get(path, query, signal), rest ? undefined : everyMs)
  const first = resource.data
  const walk = rest && rest.of === first ? rest.walk : first
  const more = async () => {
    if (!first || !walk?.next) return
    const page = await attempt(() => get<Walk<T>>(path, { ...query, [next]: walk.next }))
    if (page) setRest({ of: first, walk: { ...page, items: [...walk.items, ...page.items] } })
  }
  return { resource: { ...resource, data: walk }, more }
}

/** Shows what was read, and a button for more. */
export function WalkView<T>(props: {
  of: Walking<T>
  empty: string
  children: (items: T[]) => ComponentChildren
}) {
  return (
    <Loaded of={props.of.resource}>
      {({ items, next }) => (
        <>
          {items.length > 0 ? props.children(items) : !next && <Empty title={props.empty} />}
          {next && (
            <div class="paging">
              <span class="muted">{items.length === 0 && 'Nothing found so far'}</span>
              <Button onClick={() => void props.of.more()}>Look further</Button>
            </div>
          )}
        </>
      )}
    </Loaded>
  )
}
