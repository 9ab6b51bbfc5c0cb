// Entries of a log that can be chosen: parts of a walk, each put below the last, until it is begun anew.
import { useEffect, useRef, useState } from 'preact/hooks'
import { address, get, type Query } from '../api/client'
import { Problem } from '../api/problem'
import { count, several } from '../format/number'
import { Button } from './button'
import { Trouble } from './notice'

interface Part<T> {
  items: T[]
  next: string | null
  scanned?: number
}

export interface Growing<T> {
  items: T[]
  /** Where it goes on; `null` at the end. */
  next: string | null
  /** How many were looked at. */
  scanned: number
  isLoading: boolean
  problem: Problem | null
  more: () => void
  /** Begins anew. */
  again: () => void
}

type State<T> = Omit<Growing<T>, 'more' | 'again'>

const NOTHING = { items: [], next: null, scanned: 0, isLoading: true, problem: null }

/** Walks through `path`; `cursor` names what of the query says where to go on. */
export function useGrowing<T>(path: string, query: Query, cursor: 'from' | 'to'): Growing<T> {
  const [state, setState] = useState<State<T>>(NOTHING)
  const [round, setRound] = useState(0)
  const stop = useRef(new AbortController())
  const key = address(path, query)

  const read = async (at: string | null, before: State<T>) => {
    const { signal } = stop.current
    setState({ ...before, isLoading: true, problem: null })
    try {
      const part = await get<Part<T>>(path, at === null ? query : { ...query, [cursor]: at }, signal)
      if (signal.aborted) return
      setState({
        items: [...before.items, ...part.items],
        next: part.next,
        scanned: before.scanned + (part.scanned ?? part.items.length),
        isLoading: false,
        problem: null,
      })
    } catch (error) {
      if (!signal.aborted) setState({ ...before, isLoading: false, problem: Problem.of(error) })
    }
  }

  useEffect(() => {
    stop.current = new AbortController()
    void read(null, NOTHING)
    return () => stop.current.abort()
  }, [key, round])

  return {
    ...state,
    more: () => void read(state.next, state),
    again: () => setRound(round + 1),
  }
}

/** What is at the end of what was walked through: how far it came, and the way on. */
export function GrowingEnd<T>({ walk, one, many }: {
  walk: Growing<T>
  /** What what is shown is called. */
  one: string
  many: string
}) {
  const shown = walk.items.length
  return (
    <>
      {walk.problem && <Trouble problem={walk.problem} retry={walk.again} />}
      <div class="paging">
        <span class="muted">
          {several(shown, one, many)} shown{walk.scanned > shown && `, ${count(walk.scanned)} looked at`}
          {walk.next === null && !walk.isLoading && !walk.problem && '; that is all'}
        </span>
        {(walk.next !== null || (walk.isLoading && shown > 0)) && (
          <Button onClick={walk.more} disabled={walk.isLoading}>
            {walk.isLoading ? 'Looking\u2026' : shown < walk.scanned ? 'Look further' : 'Show more'}
          </Button>
        )}
      </div>
    </>
  )
}
