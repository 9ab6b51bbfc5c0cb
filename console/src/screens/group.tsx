// One group of a stream: how far it is, what is pending in it, and who reads for it.
import { useState } from 'preact/hooks'
import { address, get, post } from '../api/client'
import { useResource } from '../api/resource'
import type { Group as Told } from '../api/types'
import { Button } from '../components/button'
import { Dialog } from '../components/dialog'
import { Facts } from '../components/facts'
import { Loaded } from '../components/notice'
import { Page } from '../components/page'
import { confirmed } from '../components/question'
import { Tabs, useTab } from '../components/tabs'
import { attempt } from '../components/toast'
import { brief, count } from '../format/number'
import { duration } from '../format/time'
import { asked, go, href } from '../route'
import { Ages } from './group/ages'
import { Consumers } from './group/consumers'
import { Pending } from './group/pending'
import { StartField } from './group/start'
import { Trend } from './group/trend'

export interface GroupName {
  stream: string
  group: string
}

const LOOK_EVERY_MS = 3000

export function Group() {
  const of: GroupName = { stream: asked('stream'), group: asked('group') }
  const resource = useResource<Told>(
    address('group', { ...of }),
    (signal) => get('group', { ...of }, signal),
    LOOK_EVERY_MS,
  )
  const [isMoving, setMoving] = useState(false)
  const trail = [['Groups', href('groups')], [of.stream, href('stream', { stream: of.stream })]] as const
  const actions = (
    <>
      <Button needs="admin" onClick={() => setMoving(true)}>Move</Button>
      <Button look="danger" icon="trash" needs="admin" onClick={() => void destroy(of)}>Destroy</Button>
    </>
  )
  return (
    <Page title={of.group} trail={[...trail]} actions={resource.data && actions}>
      <Loaded of={resource}>
        {(told) => (
          <>
            <section class="panel"><Numbers told={told} /></section>
            <div class="columns">
              <Trend told={told} />
              <Ages ages={told.ages} isComplete={told.agesComplete} />
            </div>
            <Parts of={of} told={told} changed={resource.reload} />
          </>
        )}
      </Loaded>
      {isMoving && <Move of={of} onClose={() => setMoving(false)} onDone={resource.reload} />}
    </Page>
  )
}

function Parts({ of, told, changed }: { of: GroupName; told: Told; changed: () => void }) {
  const tabs = [
    { name: 'pending', text: 'Pending', count: told.pending },
    { name: 'consumers', text: 'Consumers', count: told.consumerList.length },
  ]
  const tab = useTab(tabs)
  return (
    <>
      <Tabs label="Parts of the group" tabs={tabs} />
      {tab === 'pending' && <Pending of={of} consumers={told.consumerList} changed={changed} />}
      {tab === 'consumers' && <Consumers of={of} consumers={told.consumerList} changed={changed} />}
    </>
  )
}

function Numbers({ told }: { told: Told }) {
  return (
    <Facts
      items={[
        ['Lag', told.lag === null ? 'not known' : `${brief(told.lag)} entries`],
        ['Behind', duration(told.lagMs)],
        ['Pending', count(told.pending)],
        ['Consumers', count(told.consumerList.length)],
        ['Last delivered', <span class="id">{told.lastDelivered}</span>],
      ]}
    />
  )
}

function Move({ of, onClose, onDone }: { of: GroupName; onClose: () => void; onDone: () => void }) {
  const [start, setStart] = useState('end')
  const submit = async () => {
    onClose()
    const isSure = await confirmed({
      title: `Move ${of.group}`,
      text: `It goes on ${placeText(start)}. Entries between may be skipped, or read once more.`,
      action: 'Move the group',
      danger: true,
    })
    if (!isSure) return
    if (await attempt(() => post('group-move', { ...of, start }), () => `${of.group} was moved`)) onDone()
  }
  const submission = { text: 'Move', disabled: start === '' }
  return (
    <Dialog title={`Move ${of.group}`} onClose={onClose} onSubmit={() => void submit()} submit={submission}>
      <StartField start={start} setStart={setStart} />
    </Dialog>
  )
}

function placeText(start: string): string {
  if (start === 'end') return 'with new entries only'
  return start === 'beginning' ? 'from the beginning' : `after ${start}`
}

async function destroy(of: GroupName): Promise<void> {
  const isSure = await confirmed({
    title: 'Destroy the group',
    text: 'How far it had read goes, and what is pending in it. The entries of the stream stay.',
    action: 'Destroy the group',
    danger: true,
    typed: of.group,
  })
  if (!isSure) return
  const done = await attempt(
    () => post('group-destroy', { ...of, confirm: of.group }),
    () => `${of.group} was destroyed`,
  )
  if (done) go(href('stream', { stream: of.stream, tab: 'groups' }))
}
