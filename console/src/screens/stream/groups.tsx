// The groups of a stream, and the dialog that creates one.
import { useState } from 'preact/hooks'
import { post } from '../../api/client'
import type { GroupRow } from '../../api/types'
import { Button } from '../../components/button'
import { Spark } from '../../components/chart'
import { Dialog } from '../../components/dialog'
import { TextField } from '../../components/field'
import { GroupLink } from '../../components/group-link'
import { Empty } from '../../components/notice'
import { Panel } from '../../components/page'
import { Table, type Column } from '../../components/table'
import { attempt } from '../../components/toast'
import { count } from '../../format/number'
import { duration } from '../../format/time'
import { StartField } from '../group/start'

const COLUMNS: Column<GroupRow>[] = [
  { label: 'Group', cell: (row) => <GroupLink row={row} /> },
  { label: 'Lag', align: 'end', cell: (row) => count(row.lag) },
  { label: 'Behind', align: 'end', cell: (row) => duration(row.lagMs) },
  { label: 'Trend', only: 'wide', cell: (row) => <Spark values={row.trend} label={`Lag of ${row.name}`} /> },
  { label: 'Pending', align: 'end', cell: (row) => count(row.pending) },
  { label: 'Consumers', align: 'end', only: 'wide', cell: (row) => count(row.consumers) },
]

export function StreamGroups(props: { stream: string; groups: GroupRow[]; changed: () => void }) {
  const [isOpen, setOpen] = useState(false)
  const create = <Button icon="plus" needs="operator" onClick={() => setOpen(true)}>Create a group</Button>
  return (
    <Panel title="Groups" actions={create}>
      {props.groups.length === 0 && <Empty title="No group reads this stream" />}
      {props.groups.length > 0 && (
        <Table caption="Groups" columns={COLUMNS} rows={props.groups} rowKey={(row) => row.name} />
      )}
      {isOpen && <Create stream={props.stream} onClose={() => setOpen(false)} onDone={props.changed} />}
    </Panel>
  )
}

function Create({ stream, onClose, onDone }: { stream: string; onClose: () => void; onDone: () => void }) {
  const [group, setGroup] = useState('')
  const [start, setStart] = useState('end')
  const submit = async () => {
    const done = await attempt(() => post('group-create', { stream, group, start }), () => `${group} was created`)
    if (!done) return
    onClose()
    onDone()
  }
  const submission = { text: 'Create', disabled: group === '' || start === '' }
  return (
    <Dialog title="Create a group" onClose={onClose} onSubmit={() => void submit()} submit={submission}>
      <TextField label="Name" value={group} onInput={setGroup} mono autofocus />
      <StartField start={start} setStart={setStart} />
    </Dialog>
  )
}
