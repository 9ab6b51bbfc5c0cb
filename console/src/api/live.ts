// Follows an event stream of the API while a component is there, and goes on by itself after an interruption.
import { useEffect, useRef, useState } from 'preact/hooks'
import { address, readSession } from './client'
import type { Query } from './query'

export type LiveState = 'off' | 'connecting' | 'live'

export interface Said {
  id: string
  data: string
}

/** What is done with events, by their names. */
export type Listeners = Record<string, (said: Said) => void>

const RETRY_MS = 3000

/**
 * Opens `path` and hears its events. `query` of `null`: not now. Returns how it is.
 * The newest listeners are called, without the stream being opened anew.
 */
export function useLive(path: string, query: Query | null, listeners: Listeners): LiveState {
  const newest = useRef(listeners)
  newest.current = listeners
  const [state, setState] = useState<LiveState>('off')
  const url = query && address(path, query)
  useEffect(() => {
    if (url === null) {
      setState('off')
      return
    }
    return follow(url, newest, setState)
  }, [url])
  return state
}

/** Keeps a stream open until the returned function is called. */
export function follow(
  url: string,
  listeners: { current: Listeners },
  tell: (state: LiveState) => void,
): () => void {
  let source: EventSource | null = null
  let timer = 0
  const open = () => {
    tell('connecting')
    source = new EventSource(url)
    source.onopen = () => tell('live')
    source.onerror = () => {
      tell('connecting')
      if (source?.readyState !== EventSource.CLOSED) return
      // Refused: perhaps the session has ended, which its own resource says.
      void readSession().catch(() => undefined)
      timer = window.setTimeout(open, RETRY_MS)
    }
    for (const name of Object.keys(listeners.current)) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        listeners.current[name]?.({ id: event.lastEventId, data: event.data })
      })
    }
  }
  open()
  return () => {
    window.clearTimeout(timer)
    source?.close()
  }
}
