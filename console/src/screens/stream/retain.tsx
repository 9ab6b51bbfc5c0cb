// The dialog that sets what a stream retains by itself, and the words for what it does.
import { useState } from 'preact/hooks'
import { post } from '../../api/client'
import type { Retention } from '../../api/types'
import { Dialog } from '../../components/dialog'
import { Choice, TextField } from '../../components/field'
import { attempt } from '../../components/toast'
import { bytes, several } from '../../format/number'
import { duration } from '../../format/time'

const HOUR_MS = 3_600_000
const MIB = 1_048_576

const WAYS = [['keep', 'Keep what a group still wants'], ['go', 'Remove even that']] as const

export function retentionText(retention: Retention | null): string {
  if (!retention) return 'none'
  const { maxEntries, maxAgeMs, maxBytes, evenUnacknowledged } = retention
  const parts = [
    maxEntries === null ? null : several(maxEntries, 'entry', 'entries'),
    maxAgeMs === null ? null : duration(maxAgeMs),
    maxBytes === null ? null : bytes(maxBytes),
    evenUnacknowledged ? 'even unacknowledged' : null,
  ]
  return parts.filter(Boolean).join(', ')
}

export function Retain(props: {
  stream: string
  retention: Retention | null
  onClose: () => void
  onDone: () => void
}) {
  const { stream, retention } = props
  const [entries, setEntries] = useState(typed(retention?.maxEntries, 1))
  const [hours, setHours] = useState(typed(retention?.maxAgeMs, HOUR_MS))
  const [mebibytes, setMebibytes] = useState(typed(retention?.maxBytes, MIB))
  const [way, setWay] = useState<'keep' | 'go'>(retention?.evenUnacknowledged ? 'go' : 'keep')
  const isUnlimited = [entries, hours, mebibytes].every((text) => !(Number(text) > 0))
  const submit = async () => {
    const body = {
      stream,
      maxEntries: limit(entries, 1),
      maxAgeMs: limit(hours, HOUR_MS),
      maxBytes: limit(mebibytes, MIB),
      evenUnacknowledged: !isUnlimited && way === 'go',
    }
    const said = isUnlimited ? `${stream} retains everything` : `the retention of ${stream} is set`
    const done = await attempt(() => post<{ retained: boolean }>('retain', body), () => said)
    if (!done) return
    props.onClose()
    props.onDone()
  }
  const submission = { text: isUnlimited ? 'Retain everything' : 'Set' }
  return (
    <Dialog title={`Retention of ${stream}`} onClose={props.onClose} onSubmit={() => void submit()} submit={submission}>
      <p>What exceeds a limit goes by itself, the oldest entries first, at once and from now on. An empty field is no limit.</p>
      <TextField label="Newest entries" type="number" min={1} value={entries} onInput={setEntries} hint="entries" autofocus />
      <TextField label="Age" type="number" min={0} step="any" value={hours} onInput={setHours} hint="hours" />
      <TextField label="Size" type="number" min={0} step="any" value={mebibytes} onInput={setMebibytes} hint="MiB of packed entries" />
      <Choice label="Entries that a group has not acknowledged" value={way} onChange={setWay} options={WAYS} />
    </Dialog>
  )
}

/** What is typed for a limit. */
function typed(limit: number | null | undefined, unit: number): string {
  return limit == null ? '' : String(limit / unit)
}

/** The limit that is meant by what is typed. */
function limit(text: string, unit: number): number | null {
  const units = Number(text)
  return units > 0 ? Math.max(1, Math.round(units * unit)) : null
}
