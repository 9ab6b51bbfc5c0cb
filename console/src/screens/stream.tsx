// One stream: its numbers and its groups.
import { get } from '../api/client'
import { useResource } from '../api/resource'
import type { GroupRow, Stream as Told } from '../api/types'
import { Facts } from '../components/facts'
import { Empty, Loaded } from '../components/notice'
import { Page, Panel } from '../components/page'
import { Table, type Column } from '../components/table'
import { Ago } from '../components/when'
import { bytes, count, rate } from '../format/number'
import { duration } from '../format/time'
import { asked, href } from '../route'

const GROUPS: Column<GroupRow>[] = [
  { label: 'Group', cell: (row) => <a class="strong" href={href('group', { stream: row.stream, group: row.name })}>{row.name}</a> },
  { label: 'Lag', align: 'end', cell: (row) => count(row.lag) },
  { label: 'Behind', align: 'end', cell: (row) => duration(row.lagMs) },
  { label: 'Pending', align: 'end', cell: (row) => count(row.pending) },
  { label: 'Consumers', align: 'end', only: 'wide', cell: (row) => count(row.consumers) },
]

export function Stream() {
  const stream = asked('stream')
  const resource = useResource<Told>(stream, (signal) => get('stream', { stream }, signal), 5000)
  return (
    <Page title={stream} trail={[['Streams', href('streams')]]}>
      <Loaded of={resource}>
        {(told) => (
          <>
            <section class="panel"><Numbers told={told} /></section>
            <Panel title="Groups">
              {told.groupList.length === 0 && <Empty title="No group reads this stream" />}
              {told.groupList.length > 0 && (
                <Table caption="Groups" columns={GROUPS} rows={told.groupList} rowKey={(row) => row.name} />
              )}
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Numbers({ told }: { told: Told }) {
  return (
    <Facts
      items={[
        ['Entries', count(told.length)],
        ['Bytes', bytes(told.bytes)],
        ['Per second', rate(told.ratePerS)],
        ['Oldest', <Ago ms={told.oldestMs} />],
        ['Newest', <Ago ms={told.newestMs} />],
        ['Ever added', count(told.added)],
      ]}
    />
  )
}
