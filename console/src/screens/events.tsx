// An event store: all events in their order, those of a type, or those of one aggregate.
import { useState } from 'preact/hooks'
import { get } from '../api/client'
import { useResource } from '../api/resource'
import type { StoredEvent } from '../api/server'
import { Badge } from '../components/badge'
import { Button } from '../components/button'
import { ValueView } from '../components/decoder'
import { Facts } from '../components/facts'
import { TextField } from '../components/field'
import { MatchField } from '../components/match-field'
import { Empty, Loaded, Note } from '../components/notice'
import { Page, Panel } from '../components/page'
import { Table, type Column } from '../components/table'
import { Tabs, useTab } from '../components/tabs'
import { useWalk, WalkView } from '../components/walk'
import { At } from '../components/when'
import { count } from '../format/number'
import { alter, asked, href } from '../route'

const TABS = [
  { name: 'timeline', text: 'Timeline' },
  { name: 'types', text: 'Types' },
  { name: 'aggregate', text: 'Aggregate' },
] as const

export function Events() {
  const stream = asked('stream')
  const tab = useTab(TABS)
  return (
    <Page title="Event store" lead={stream && <a href={href('stream', { stream })}>{stream}</a>}>
      <ChooseStream />
      {!stream && <Empty title="Which event store?">Its stream is called domain-events in most programs.</Empty>}
      {stream && <Tabs label="Views" tabs={TABS} />}
      {stream && tab === 'timeline' && <Timeline stream={stream} />}
      {stream && tab === 'types' && <Types stream={stream} />}
      {stream && tab === 'aggregate' && <Aggregate stream={stream} />}
    </Page>
  )
}

function ChooseStream() {
  const [stream, setStream] = useState(asked('stream') || 'domain-events')
  const choose = (event: Event) => {
    event.preventDefault()
    alter({ stream, type: null, aggregate: null, match: null })
  }
  return (
    <form class="form-row" onSubmit={choose}>
      <TextField label="Stream of the event store" value={stream} onInput={setStream} mono required />
      <Button type="submit" icon="search">Open</Button>
    </form>
  )
}

function Timeline({ stream }: { stream: string }) {
  const [type, match] = [asked('type'), asked('match')]
  const walk = useWalk<StoredEvent>('event-store/events', { stream, type, match, order: 'desc' }, 'to')
  const filters = (
    <>
      {type && <Button icon="close" onClick={() => alter({ type: null })}>{type}</Button>}
      <MatchField label="Search in events" />
    </>
  )
  return (
    <Panel title="Events" actions={filters}>
      <WalkView of={walk} empty="No event is like that">{(items) => <EventTable items={items} />}</WalkView>
    </Panel>
  )
}

function Types({ stream }: { stream: string }) {
  const types = useResource(stream, (signal) => {
    return get<{ items: { type: string; count: number }[]; complete: boolean }>('event-store/types', { stream }, signal)
  })
  const columns: Column<{ type: string; count: number }>[] = [
    { label: 'Type', cell: (row) => <Button onClick={() => alter({ type: row.type, tab: null })}>{row.type || 'none'}</Button> },
    { label: 'Events', align: 'end', cell: (row) => count(row.count) },
  ]
  return (
    <Panel title="Types">
      <Loaded of={types}>
        {({ items, complete }) => (
          <>
            {!complete && <Note>These are the newest 20,000 events.</Note>}
            <Table caption="Types" columns={columns} rows={items} rowKey={(row) => row.type} />
          </>
        )}
      </Loaded>
    </Panel>
  )
}

function Aggregate({ stream }: { stream: string }) {
  const shown = asked('aggregate')
  const [id, setId] = useState(shown)
  const show = (event: Event) => {
    event.preventDefault()
    alter({ aggregate: id })
  }
  return (
    <Panel title="Aggregate">
      <form class="form-row padded" onSubmit={show}>
        <TextField label="Id of the aggregate" value={id} onInput={setId} placeholder="order-123" mono required />
        <Button type="submit" icon="search">Show</Button>
      </form>
      {shown && <AggregateEvents key={shown} stream={stream} id={shown} />}
    </Panel>
  )
}

function AggregateEvents({ stream, id }: { stream: string; id: string }) {
  const events = useResource(`${stream}\n${id}`, (signal) => {
    return get<{ items: StoredEvent[]; version: number | null }>('event-store/aggregate', { stream, id }, signal)
  })
  return (
    <Loaded of={events}>
      {({ items, version }) => (
        <>
          <Facts items={[['Version', count(version)], ['Events', count(items.length)]]} />
          {items.length === 0 ? <Empty title={`No event of ${id}`} /> : <EventTable items={items} />}
        </>
      )}
    </Loaded>
  )
}

const COLUMNS: Column<StoredEvent>[] = [
  { label: 'When', cell: (event) => <At ms={event.atMs} /> },
  { label: 'Type', cell: (event) => <Badge level="accent">{event.type}</Badge> },
  { label: 'Aggregate', cell: (event) => <AggregateLink id={event.aggregate} /> },
  { label: 'Version', align: 'end', cell: (event) => count(event.version) },
  { label: 'Data', only: 'wide', cell: (event) => <span class="fields-line">{JSON.stringify(event.data).slice(0, 200)}</span> },
]

function AggregateLink({ id }: { id: string }) {
  return <a class="mono" href={href('events', { stream: asked('stream'), tab: 'aggregate', aggregate: id })}>{id}</a>
}

function EventTable({ items }: { items: StoredEvent[] }) {
  return (
    <Table caption="Events" columns={COLUMNS} rows={items} rowKey={(event) => event.id} detail={(event) => <Detail event={event} />} />
  )
}

function Detail({ event }: { event: StoredEvent }) {
  return (
    <div class="form">
      <ValueView value={JSON.stringify(event.data)} />
      {event.metadata !== null && <ValueView value={JSON.stringify(event.metadata)} />}
    </div>
  )
}
