// Asks the API: adds the session's second secret to what changes something, and turns refusals into problems.
import { Problem } from './problem'
import { withQuery, type Query } from './query'
import { session } from './session'
import type { Role, Session } from './types'

const BASE = '/console/api/'

/** Returns the address of a resource. */
export function address(path: string, query: Query = {}): string {
  return withQuery(BASE + path, query)
}

/** Reads a resource. */
export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return answer<T>(await asked(address(path, query), { signal: signal ?? null }))
}

/** Does something. If the secret has become stale, it is read anew and the request made once more. */
export async function post<T>(path: string, body: object): Promise<T> {
  try {
    return await sent<T>('POST', path, body)
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'csrf') throw error
    await readSession()
    return sent<T>('POST', path, body)
  }
}

/** Learns who we are. */
export async function readSession(): Promise<void> {
  session.value = await get<Session>('session')
}

/** Logs in with a password or a token. */
export async function logIn(secret: { password: string } | { token: string }): Promise<void> {
  session.value = await sent<Session>('POST', 'session', secret)
}

/** Logs out, and shows the log-in. */
export async function logOut(): Promise<void> {
  await sent<null>('DELETE', 'session', null)
  await readSession()
}

async function sent<T>(method: string, path: string, body: object | null): Promise<T> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' }
  const csrf = session.value?.csrf
  if (csrf) headers['X-Firth-CSRF'] = csrf
  return answer<T>(await asked(address(path), { method, headers, body: body && JSON.stringify(body) }))
}

async function asked(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: 'same-origin', cache: 'no-store' })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Problem(0, 'away', 'the gateway does not answer')
  }
}

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text()
  if (!response.ok) throw refusal(response, text)
  return (text === '' ? null : JSON.parse(text)) as T
}

function refusal(response: Response, text: string): Problem {
  let told: { error?: string; code?: string; needs?: Role } = {}
  try {
    told = JSON.parse(text) as typeof told
  } catch {
    // Whoever answered was not the API: a proxy between, for instance.
  }
  const problem = new Problem(
    response.status,
    told.code ?? 'unknown',
    told.error ?? `${response.status} ${response.statusText}`,
    told.needs ?? null,
  )
  const isOver = problem.code === 'unauthorized' && session.value?.role
  if (isOver && session.value) session.value = { ...session.value, role: null, csrf: null }
  return problem
}
