// Channels that somebody listens to, and publishing.
import { useState } from 'preact/hooks'
import { post } from '../api/client'
import type { ChannelRow } from '../api/server'
import type { Page as Rows } from '../api/types'
import { Button } from '../components/button'
import { Dialog } from '../components/dialog'
import { TextArea, TextField } from '../components/field'
import { ListTable, useList } from '../components/list'
import { Page, Panel } from '../components/page'
import type { Column } from '../components/table'
import { attempt } from '../components/toast'
import { count, several } from '../format/number'
import { go, href } from '../route'

const COLUMNS: Column<ChannelRow>[] = [
  { label: 'Channel', sort: 'name', cell: (row) => <a class="strong" href={href('channel', { channel: row.name })}>{row.name}</a> },
  { label: 'Subscribers', sort: 'subscribers', align: 'end', cell: (row) => count(row.subscribers) },
]

export function Channels() {
  const list = useList<ChannelRow>('channels', { by: 'subscribers', order: 'desc' })
  const [isPublishing, setPublishing] = useState(false)
  const patterns = (list.resource.data as (Rows<ChannelRow> & { patterns?: number }) | null)?.patterns
  return (
    <Page
      title="Channels"
      lead={patterns === undefined ? null : `and ${several(patterns, 'pattern')} with listeners`}
      actions={<Button look="main" icon="plus" needs="operator" onClick={() => setPublishing(true)}>Publish</Button>}
    >
      <Listen />
      <ListTable
        list={list}
        noun="channel"
        caption="Channels"
        columns={COLUMNS}
        rowKey={(row) => row.name}
        empty="A channel is there as long as somebody listens to it."
      />
      {isPublishing && <Publish channel="" onClose={() => setPublishing(false)} />}
    </Page>
  )
}

function Listen() {
  const [name, setName] = useState('')
  const listen = (event: Event) => {
    event.preventDefault()
    const isPattern = /[*?[]/.test(name)
    if (name) go(href('channel', isPattern ? { pattern: name } : { channel: name }))
  }
  return (
    <Panel title="Listen">
      <form class="form-row padded" onSubmit={listen}>
        <TextField label="Channel or pattern" value={name} onInput={setName} placeholder="news, or orders:*" mono />
        <Button type="submit" icon="play">Listen</Button>
      </form>
    </Panel>
  )
}

/** Publishes something on a channel. */
export function Publish(props: { channel: string; onClose: () => void }) {
  const [channel, setChannel] = useState(props.channel)
  const [payload, setPayload] = useState('')
  const send = async () => {
    const done = await attempt(
      () => post<{ receivers: number }>('publish', { channel, payload }),
      ({ receivers }) => `Published to ${several(receivers, 'receiver')}`,
    )
    if (done) props.onClose()
  }
  const submission = { text: 'Publish', disabled: !channel, needs: 'operator' } as const
  return (
    <Dialog title="Publish" onClose={props.onClose} onSubmit={() => void send()} submit={submission}>
      <TextField label="Channel" value={channel} onInput={setChannel} mono required autofocus />
      <TextArea label="Message" value={payload} onInput={setPayload} />
    </Dialog>
  )
}
