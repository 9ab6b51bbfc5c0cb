// One stream: its numbers, its entries, what arrives now, and its groups.
import { useState } from 'preact/hooks'
import { get, post } from '../api/client'
import { useResource } from '../api/resource'
import type { Counted, Stream as Told } from '../api/types'
import { Badge } from '../components/badge'
import { Button } from '../components/button'
import { Facts } from '../components/facts'
import { Loaded } from '../components/notice'
import { Page } from '../components/page'
import { confirmed } from '../components/question'
import { Tabs, useTab } from '../components/tabs'
import { attempt } from '../components/toast'
import { Ago } from '../components/when'
import { bytes, count, rate } from '../format/number'
import { asked, go, href } from '../route'
import { Append } from './stream/append'
import { Entries } from './stream/entries'
import { StreamGroups } from './stream/groups'
import { LiveTail } from './stream/live-tail'
import { Retain, retentionText } from './stream/retain'
import { Trim } from './stream/trim'

export function Stream() {
  const stream = asked('stream')
  const resource = useResource<Told>(stream, (signal) => get('stream', { stream }, signal), 5000)
  const [dialog, setDialog] = useState<'append' | 'trim' | 'retain' | null>(null)
  const [round, setRound] = useState(0)
  const changed = () => {
    setRound(round + 1)
    resource.reload()
  }
  const actions = (
    <>
      <Button icon="plus" needs="operator" onClick={() => setDialog('append')}>Append</Button>
      <Button needs="admin" onClick={() => setDialog('trim')}>Trim</Button>
      {resource.data?.canRetain && <Button needs="admin" onClick={() => setDialog('retain')}>Retention</Button>}
      <Button look="danger" icon="trash" needs="admin" onClick={() => void removeStream(stream)}>Delete</Button>
    </>
  )
  return (
    <Page title={stream} trail={[['Streams', href('streams')]]} actions={resource.data && actions}>
      <Loaded of={resource}>
        {(told) => (
          <>
            <section class="panel"><Numbers told={told} /></section>
            <Parts told={told} round={round} changed={changed} />
          </>
        )}
      </Loaded>
      {dialog === 'append' && <Append stream={stream} onClose={() => setDialog(null)} onDone={changed} />}
      {dialog === 'trim' && <Trim stream={stream} onClose={() => setDialog(null)} onDone={changed} />}
      {dialog === 'retain' && resource.data && (
        <Retain stream={stream} retention={resource.data.retention} onClose={() => setDialog(null)} onDone={changed} />
      )}
    </Page>
  )
}

function Parts({ told, round, changed }: { told: Told; round: number; changed: () => void }) {
  const tabs = [
    { name: 'entries', text: 'Entries' },
    { name: 'live', text: 'Live' },
    { name: 'groups', text: 'Groups', count: told.groupList.length },
  ]
  const tab = useTab(tabs)
  return (
    <>
      <Tabs label="Parts of the stream" tabs={tabs} />
      {tab === 'entries' && <Entries stream={told.name} round={round} changed={changed} />}
      {tab === 'live' && <LiveTail stream={told.name} />}
      {tab === 'groups' && <StreamGroups stream={told.name} groups={told.groupList} changed={changed} />}
    </>
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
        ['Retention', retentionText(told.retention)],
        ...(told.deadLetter ? [['Holds', <Badge level="warn">dead letters</Badge>] as const] : []),
      ]}
    />
  )
}

async function removeStream(stream: string): Promise<void> {
  const isSure = await confirmed({
    title: 'Delete the stream',
    text: 'All its entries and groups go, and do not come back.',
    action: 'Delete the stream',
    danger: true,
    typed: stream,
  })
  if (!isSure) return
  const body = { stream, confirm: stream }
  const done = await attempt(() => post<Counted>('delete-stream', body), () => `${stream} was deleted`)
  if (done) go(href('streams'))
}
