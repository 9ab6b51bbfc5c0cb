// The list of groups, of all streams.
import type { GroupRow } from '../api/types'
import { Spark } from '../components/chart'
import { GroupLink } from '../components/group-link'
import { ListTable, useList } from '../components/list'
import { Page } from '../components/page'
import type { Column } from '../components/table'
import { count } from '../format/number'
import { duration } from '../format/time'
import { href } from '../route'

const COLUMNS: Column<GroupRow>[] = [
  { label: 'Group', sort: 'name', cell: (row) => <GroupLink row={row} /> },
  { label: 'Stream', sort: 'stream', cell: (row) => <a href={href('stream', { stream: row.stream })}>{row.stream}</a> },
  { label: 'Lag', sort: 'lag', align: 'end', cell: (row) => count(row.lag) },
  { label: 'Behind', sort: 'lagMs', align: 'end', only: 'wide', cell: (row) => duration(row.lagMs) },
  { label: 'Trend', only: 'wide', cell: (row) => <Spark values={row.trend} label={`Lag of ${row.name}`} /> },
  { label: 'Pending', sort: 'pending', align: 'end', cell: (row) => count(row.pending) },
  { label: 'Consumers', sort: 'consumers', align: 'end', only: 'wide', cell: (row) => count(row.consumers) },
]

export function Groups() {
  const list = useList<GroupRow>('groups', { by: 'lag', order: 'desc' })
  return (
    <Page title="Groups">
      <ListTable
        list={list}
        noun="group"
        caption="Groups"
        columns={COLUMNS}
        rowKey={(row) => `${row.stream} ${row.name}`}
        empty="A group is created on the page of its stream."
      />
    </Page>
  )
}
