// The list of streams.
import type { StreamRow } from '../api/types'
import { Badge } from '../components/badge'
import { ListTable, useList } from '../components/list'
import { Page } from '../components/page'
import type { Column } from '../components/table'
import { Ago } from '../components/when'
import { brief, bytes, count, rate } from '../format/number'
import { href } from '../route'

const COLUMNS: Column<StreamRow>[] = [
  { label: 'Name', sort: 'name', cell: (row) => <Name row={row} /> },
  { label: 'Entries', sort: 'length', align: 'end', cell: (row) => count(row.length) },
  { label: 'Bytes', sort: 'bytes', align: 'end', only: 'wide', cell: (row) => bytes(row.bytes) },
  { label: 'Per second', sort: 'rate', align: 'end', cell: (row) => rate(row.ratePerS) },
  { label: 'Oldest', sort: 'oldest', align: 'end', only: 'wide', cell: (row) => <Ago ms={row.oldestMs} /> },
  { label: 'Groups', sort: 'groups', align: 'end', only: 'wide', cell: (row) => count(row.groups) },
  { label: 'Lag', sort: 'lag', align: 'end', cell: (row) => brief(row.lag) },
  { label: 'Pending', sort: 'pending', align: 'end', only: 'wide', cell: (row) => count(row.pending) },
]

export function Streams() {
  const list = useList<StreamRow>('streams', { by: 'name', order: 'asc' })
  return (
    <Page title="Streams">
      <ListTable
        list={list}
        noun="stream"
        caption="Streams"
        columns={COLUMNS}
        rowKey={(row) => row.name}
        empty={<>A stream begins with its first entry: <code>XADD orders * total 12</code></>}
      />
    </Page>
  )
}

function Name({ row }: { row: StreamRow }) {
  return (
    <span class="name">
      <a href={href('stream', { stream: row.name })}>{row.name}</a>
      {row.deadLetter && <Badge level="warn">dead letters</Badge>}
    </span>
  )
}
