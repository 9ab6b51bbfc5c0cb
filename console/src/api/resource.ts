// A resource that a component shows: loaded, kept while it is loaded anew, and read again from time to time.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from './problem'

export interface Resource<T> {
  /** What was read last; stays while it is read anew. */
  data: T | null
  /** Why the last reading failed. */
  problem: Problem | null
  isLoading: boolean
  reload: () => void
}

interface State<T> {
  data: T | null
  problem: Problem | null
  isLoading: boolean
  of: string
}

/**
 * Loads what `key` names. With another key what was there goes.
 * With `everyMs` it is read again that often, while the page can be seen.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs?: number,
): Resource<T> {
  const empty: State<T> = { data: null, problem: null, isLoading: true, of: key }
  const [state, setState] = useState<State<T>>(empty)
  const [round, setRound] = useState(0)
  const newest = useRef(load)
  newest.current = load
  const reload = useCallback(() => setRound((round) => round + 1), [])

  useEffect(() => {
    const stop = new AbortController()
    setState((before) => (before.of === key ? { ...before, isLoading: true } : empty))
    newest.current(stop.signal).then(
      (data) => stop.signal.aborted || setState({ data, problem: null, isLoading: false, of: key }),
      (error: unknown) => {
        if (stop.signal.aborted) return
        const problem = Problem.of(error)
        setState((before) => ({ ...before, problem, isLoading: false, of: key }))
      },
    )
    return () => stop.abort()
  }, [key, round])

  useEffect(() => {
    if (everyMs === undefined) return
    const timer = window.setInterval(() => document.hidden || reload(), everyMs)
    return () => window.clearInterval(timer)
  }, [everyMs, reload])

  const shown = state.of === key ? state : empty
  return { data: shown.data, problem: shown.problem, isLoading: shown.isLoading, reload }
}
