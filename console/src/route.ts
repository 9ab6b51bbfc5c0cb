// Where in the application we are: a path below /console/ and a query, both in the address of the page.
import { signal } from '@preact/signals'
import { withQuery, type Query } from './api/query'

const BASE = '/console/'

export interface Place {
  /** The name of the screen; empty for the overview. */
  path: string
  query: URLSearchParams
}

/** Where we are. */
export const place = signal<Place>(here())

/** Returns the address of a screen. */
export function href(path: string, query: Query = {}): string {
  return withQuery(BASE + path, query)
}

/** Goes to an address of the application. */
export function go(to: string): void {
  history.pushState(null, '', to)
  place.value = here()
  window.scrollTo(0, 0)
}

/** Changes the query and stays on the screen: no step of the history. Members without a value go. */
export function alter(change: Query): void {
  const { path, query } = place.value
  const next = { ...Object.fromEntries(query), ...change }
  history.replaceState(null, '', href(path, next))
  place.value = here()
}

/** Returns a member of the query; empty if it is absent. */
export function asked(name: string): string {
  return place.value.query.get(name) ?? ''
}

/** Follows links within the application without loading the page anew. */
export function listen(): void {
  window.addEventListener('popstate', () => (place.value = here()))
  document.addEventListener('click', (event) => {
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!isPlain || event.defaultPrevented || !link || link.target || link.origin !== location.origin) return
    if (!link.pathname.startsWith(BASE) || link.pathname.startsWith(`${BASE}api/`)) return
    event.preventDefault()
    go(link.pathname + link.search)
  })
}

function here(): Place {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : ''
  return { path: path.replace(/\/+$/, ''), query: new URLSearchParams(location.search) }
}
