// One group of a stream: how far it is, and who reads for it.
import { address, get } from '../api/client'
import { useResource } from '../api/resource'
import type { Consumer, Group as Told } from '../api/types'
import { Facts } from '../components/facts'
import { Empty, Loaded } from '../components/notice'
import { Page, Panel } from '../components/page'
import { Table, type Column } from '../components/table'
import { count } from '../format/number'
import { duration } from '../format/time'
import { asked, href } from '../route'

const CONSUMERS: Column<Consumer>[] = [
  { label: 'Consumer', cell: (row) => <span class="strong">{row.name}</span> },
  { label: 'Pending', align: 'end', cell: (row) => count(row.pending) },
  { label: 'Idle', align: 'end', cell: (row) => duration(row.idleMs) },
]

export function Group() {
  const query = { stream: asked('stream'), group: asked('group') }
  const resource = useResource<Told>(address('group', query), (signal) => get('group', query, signal), 5000)
  const trail = [['Streams', href('streams')], [query.stream, href('stream', { stream: query.stream })]] as const
  return (
    <Page title={query.group} trail={[...trail]}>
      <Loaded of={resource}>
        {(told) => (
          <>
            <section class="panel"><Numbers told={told} /></section>
            <Panel title="Consumers">
              {told.consumerList.length === 0 && <Empty title="Nobody has read for this group yet" />}
              {told.consumerList.length > 0 && (
                <Table caption="Consumers" columns={CONSUMERS} rows={told.consumerList} rowKey={(row) => row.name} />
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
        ['Lag', count(told.lag)],
        ['Behind', duration(told.lagMs)],
        ['Pending', count(told.pending)],
        ['Last delivered', <span class="id">{told.lastDelivered}</span>],
      ]}
    />
  )
}
