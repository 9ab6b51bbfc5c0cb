// Whether something is followed now.
import type { LiveState } from '../api/live'
import { Badge } from './badge'

const TEXTS = { live: 'live', connecting: 'connecting', off: 'paused' }

export function LiveBadge({ state }: { state: LiveState }) {
  return <Badge level={state === 'live' ? 'ok' : 'warn'}>{TEXTS[state]}</Badge>
}
