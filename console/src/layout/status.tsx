// To what we are connected, and how that is.
import { live, overview } from '../api/overview'
import { session } from '../api/session'

const NAMES = { firth: 'Firth', redis: 'Redis', valkey: 'Valkey', embedded: 'Embedded' }

export function Status() {
  const backend = overview.value?.backend
  const isAway = live.value !== 'live'
  const level = isAway ? 'warn' : backend?.state === 'connected' ? 'ok' : backend ? 'bad' : 'warn'
  const text = isAway ? 'connecting to the gateway' : (backend?.state ?? 'looking')
  const name = backend ? `${NAMES[backend.kind]} ${backend.version ?? ''}` : 'Backend'
  return (
    <div class="status" role="status">
      <span class={`dot ${level}`} />
      <div>
        <div class="status-name">{name}</div>
        <div class="status-text" title={session.value?.backend}>{text}</div>
      </div>
    </div>
  )
}
