// What is pending in a group: looked at, and acknowledged, handed back, claimed or moved to the dead letters.
import { useState } from 'preact/hooks'
import type { Consumer, PendingEntry } from '../../api/types'
import { Button } from '../../components/button'
import { DecoderChoice, FieldsLine } from '../../components/decoder'
import { SelectField } from '../../components/field'
import { SelectionBar, type Column, type Selection } from '../../components/table'
import { useWalk, WalkTable } from '../../components/walk'
import { count } from '../../format/number'
import { duration } from '../../format/time'
import { alter, asked } from '../../route'
import type { GroupName } from '../group'
import { EntryDetail } from '../stream/entries'
import { acknowledge, handBack } from './pending-actions'
import { Bury, ClaimFor } from './pending-dialogs'

const ENTRIES_AT_ONCE = 100
const IDLE = [
  ['', 'any time'],
  ['10000', '10 s'],
  ['60000', '1 min'],
  ['600000', '10 min'],
  ['3600000', '1 h'],
] as const

const COLUMNS: Column<PendingEntry>[] = [
  { label: 'Id', cell: (row) => <span class="id">{row.id}</span> },
  { label: 'Consumer', cell: (row) => row.consumer },
  { label: 'Idle', align: 'end', cell: (row) => duration(row.idleMs) },
  { label: 'Deliveries', align: 'end', only: 'wide', cell: (row) => count(row.deliveries) },
  { label: 'Fields', only: 'wide', cell: (row) => row.entry ? <FieldsLine fields={row.entry.fields} /> : <Gone /> },
]

export function Pending(props: { of: GroupName; consumers: Consumer[]; changed: () => void }) {
  const { of, consumers } = props
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const query = {
    ...of,
    consumer: asked('consumer'),
    minIdleMs: asked('idle'),
    limit: ENTRIES_AT_ONCE,
  }
  const walk = useWalk<PendingEntry>('pending', query, 'from')
  const selection = { chosen, change: setChosen }
  const changed = () => {
    setChosen(new Set())
    walk.again()
    props.changed()
  }
  return (
    <section class="panel">
      <Filters consumers={consumers} again={walk.again} />
      <Actions of={of} consumers={consumers} selection={selection} changed={changed} />
      <WalkTable
        walk={walk}
        empty="Nothing is pending here"
        bars={6}
        caption="Pending entries"
        columns={COLUMNS}
        rowKey={(row) => row.id}
        selection={selection}
        detail={(row) => row.entry ? <EntryDetail stream={of.stream} entry={row.entry} /> : <Gone />}
      />
    </section>
  )
}

function Gone() {
  return <span class="muted">the entry was deleted from the stream</span>
}

function Filters({ consumers, again }: { consumers: Consumer[]; again: () => void }) {
  const names = consumers.map(({ name }) => [name, name] as const)
  const idle = IDLE.find(([ms]) => ms === asked('idle'))?.[0] ?? ''
  return (
    <div class="panel-head">
      <div class="form-row">
        <SelectField
          label="Consumer"
          value={asked('consumer')}
          options={[['', 'all'], ...names]}
          onChange={(consumer) => alter({ consumer })}
        />
        <SelectField label="Idle for at least" value={idle} options={IDLE} onChange={(idle) => alter({ idle })} />
      </div>
      <div class="panel-actions">
        <DecoderChoice />
        <Button icon="reload" label="Read again" onClick={again} />
      </div>
    </div>
  )
}

function Actions(props: { of: GroupName; consumers: Consumer[]; selection: Selection; changed: () => void }) {
  const { of, consumers, selection, changed } = props
  const [dialog, setDialog] = useState<'claim' | 'bury' | null>(null)
  const ids = [...selection.chosen]
  const then = (done: boolean) => done && changed()
  const close = () => setDialog(null)
  return (
    <>
      <SelectionBar selection={selection}>
        <Button needs="operator" icon="ok" onClick={() => void acknowledge(of, ids).then(then)}>Acknowledge</Button>
        <Button needs="operator" onClick={() => void handBack(of, ids).then(then)}>Hand back</Button>
        <Button needs="operator" onClick={() => setDialog('claim')}>Claim</Button>
        <Button needs="operator" look="danger" onClick={() => setDialog('bury')}>To the dead letters</Button>
      </SelectionBar>
      {dialog === 'claim' && <ClaimFor of={of} ids={ids} consumers={consumers} onClose={close} onDone={changed} />}
      {dialog === 'bury' && <Bury of={of} ids={ids} onClose={close} onDone={changed} />}
    </>
  )
}
