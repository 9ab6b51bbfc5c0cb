// What is done with pending entries after a question more: for whom they are claimed, why they are moved.
import { useState } from 'preact/hooks'
import { post } from '../../api/client'
import type { Consumer, Moved, Taken } from '../../api/types'
import { Button } from '../../components/button'
import { Dialog } from '../../components/dialog'
import { TextField } from '../../components/field'
import { attempt } from '../../components/toast'
import { several } from '../../format/number'
import type { GroupName } from '../group'
import { takenText } from './pending-actions'

interface DialogProps {
  of: GroupName
  ids: string[]
  onClose: () => void
  onDone: () => void
}

/** Claims entries for a consumer. */
export function ClaimFor(props: DialogProps & { consumers: Consumer[] }) {
  const { of, ids, onClose, onDone } = props
  const [consumer, setConsumer] = useState('')
  const submit = async () => {
    const done = await attempt(
      () => post<Taken>('claim', { ...of, ids, consumer, minIdleMs: 0 }),
      (taken) => takenText(taken, `claimed for ${consumer}`),
    )
    if (!done) return
    onClose()
    onDone()
  }
  const submission = { text: 'Claim', disabled: consumer === '' }
  return (
    <Dialog
      title={`Claim ${several(ids.length, 'entry', 'entries')}`}
      onClose={onClose}
      onSubmit={() => void submit()}
      submit={submission}
    >
      <p>Whoever has them now no longer does; whoever is named here reads them as its own.</p>
      <TextField label="For the consumer" value={consumer} onInput={setConsumer} mono autofocus />
      <div class="panel-actions">
        {props.consumers.slice(0, 12).map(({ name }) => (
          <Button key={name} look="quiet" onClick={() => setConsumer(name)}>{name}</Button>
        ))}
      </div>
    </Dialog>
  )
}

/** Moves entries to the dead letters. */
export function Bury({ of, ids, onClose, onDone }: DialogProps) {
  const [reason, setReason] = useState('')
  const submit = async () => {
    const done = await attempt(
      () => post<Moved>('dead-letter', { ...of, ids, reason }),
      ({ moved, deadLetters }) => `${several(moved, 'entry', 'entries')} moved to ${deadLetters}`,
    )
    if (!done) return
    onClose()
    onDone()
  }
  const submission = { text: 'Move', look: 'danger', disabled: reason === '' } as const
  return (
    <Dialog
      title={`Move ${several(ids.length, 'entry', 'entries')} to the dead letters`}
      onClose={onClose}
      onSubmit={() => void submit()}
      submit={submission}
    >
      <p>They count as done in this group, and wait among the dead letters until somebody brings them back.</p>
      <TextField label="Why" value={reason} onInput={setReason} autofocus />
    </Dialog>
  )
}
