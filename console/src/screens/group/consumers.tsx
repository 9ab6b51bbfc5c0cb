// Who reads for a group.
import { post } from '../../api/client'
import type { Consumer } from '../../api/types'
import { Button } from '../../components/button'
import { Empty } from '../../components/notice'
import { confirmed } from '../../components/question'
import { Table, type Column } from '../../components/table'
import { attempt } from '../../components/toast'
import { count, several } from '../../format/number'
import { duration } from '../../format/time'
import { alter } from '../../route'
import type { GroupName } from '../group'

export function Consumers(props: { of: GroupName; consumers: Consumer[]; changed: () => void }) {
  const { of, consumers, changed } = props
  const columns: Column<Consumer>[] = [
    { label: 'Consumer', cell: (row) => <span class="name">{row.name}</span> },
    { label: 'Pending', align: 'end', cell: (row) => count(row.pending) },
    { label: 'Idle', align: 'end', cell: (row) => duration(row.idleMs) },
    {
      label: 'Actions',
      align: 'end',
      cell: (row) => (
        <span class="row-actions">
          <Button look="quiet" onClick={() => alter({ tab: null, consumer: row.name })}>Pending</Button>
          <Button
            look="quiet"
            icon="trash"
            label={`Remove ${row.name}`}
            needs="admin"
            onClick={() => void remove(of, row).then((done) => done && changed())}
          />
        </span>
      ),
    },
  ]
  return (
    <section class="panel">
      {consumers.length === 0 && <Empty title="Nobody has read for this group yet" />}
      {consumers.length > 0 && (
        <Table caption="Consumers" columns={columns} rows={consumers} rowKey={(row) => row.name} />
      )}
    </section>
  )
}

async function remove(of: GroupName, consumer: Consumer): Promise<boolean> {
  const { name, pending } = consumer
  const isSure = await confirmed({
    title: 'Remove the consumer',
    text:
      pending > 0
        ? `${several(pending, 'entry is', 'entries are')} pending for it, and would be forgotten: nobody would get them again. Claim them for another consumer first.`
        : 'Nothing is pending for it.',
    action: 'Remove the consumer',
    danger: true,
    typed: name,
  })
  if (!isSure) return false
  const done = await attempt(
    () => post('consumer-remove', { ...of, consumer: name, confirm: name }),
    () => `${name} was removed`,
  )
  return done !== null
}
