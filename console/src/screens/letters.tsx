// The letters of one stream: for which reasons they are there, each of them, and what can be done about them.
import { useEffect, useState } from 'preact/hooks'
import { get, post } from '../api/client'
import { useResource } from '../api/resource'
import type { Letter, Reason } from '../api/server'
import type { Counted, Fields } from '../api/types'
import { Button } from '../components/button'
import { DecoderChoice, FieldsLine, FieldsView } from '../components/decoder'
import { Facts } from '../components/facts'
import { MatchField } from '../components/match-field'
import { Loaded } from '../components/notice'
import { Page, Panel } from '../components/page'
import { confirmed } from '../components/question'
import { SelectionBar, Table, type Column } from '../components/table'
import { attempt } from '../components/toast'
import { useWalk, WalkView } from '../components/walk'
import { Ago, At } from '../components/when'
import { count, several } from '../format/number'
import { alter, asked, href } from '../route'
import { EditLetter } from './letter-edit'
import { Redrive } from './redrive'

/** Which letters are meant: those with these ids, or those that match. */
export interface Which {
  ids?: string[]
  reason?: string
  original?: string
  group?: string
}

type Open = { redrive: Which } | { edit: Letter } | null

export function Letters() {
  const stream = asked('stream')
  const [open, setOpen] = useState<Open>(null)
  const [chosen, change] = useState<ReadonlySet<string>>(new Set())
  const kind = kindAsked()
  const reasons = useResource(stream, (signal) => {
    return get<{ items: Reason[]; complete: boolean }>('dead-letters/reasons', { stream }, signal)
  }, 5000)
  const letters = useWalk<Letter>('dead-letters/letters', { stream, ...kind, match: asked('match') }, 'to')
  const reload = () => {
    change(new Set())
    reasons.reload()
    letters.resource.reload()
  }
  const close = () => {
    setOpen(null)
    reload()
  }
  // What is chosen is only what can be seen.
  useEffect(() => change(new Set()), [keyOf(kind), asked('match')])
  const ids = [...chosen]
  return (
    <Page
      title={stream}
      trail={[['Dead letters', href('dead-letters')]]}
      actions={
        <>
          <Button icon="play" needs="operator" onClick={() => setOpen({ redrive: kind })}>
            {isOpenToAll(kind) ? 'Bring all back' : 'Bring these back'}
          </Button>
          <Button icon="trash" look="danger" needs="admin" onClick={() => void purge(stream, kind, reload)}>
            {isOpenToAll(kind) ? 'Purge all' : 'Purge these'}
          </Button>
        </>
      }
    >
      <Panel title="Reasons">
        <Loaded of={reasons} rows={3}>
          {({ items }) => <Table caption="Reasons" columns={REASONS} rows={items} rowKey={keyOf} />}
        </Loaded>
      </Panel>
      <Panel title="Letters" actions={<Filters />}>
        <SelectionBar selection={{ chosen, change }}>
          <Button icon="play" needs="operator" onClick={() => setOpen({ redrive: { ids } })}>Bring back</Button>
          <Button icon="trash" look="danger" needs="admin" onClick={() => void purge(stream, { ids }, reload)}>Purge</Button>
        </SelectionBar>
        <WalkView of={letters} empty="No letter is like that">
          {(items) => (
            <Table
              caption="Letters"
              columns={LETTERS}
              rows={items}
              rowKey={(letter) => letter.id}
              selection={{ chosen, change }}
              detail={(letter) => <Detail stream={stream} letter={letter} edit={() => setOpen({ edit: letter })} />}
            />
          )}
        </WalkView>
      </Panel>
      {open && 'redrive' in open && <Redrive stream={stream} which={open.redrive} onClose={close} />}
      {open && 'edit' in open && <EditLetter stream={stream} letter={open.edit} onClose={close} />}
    </Page>
  )
}

const REASONS: Column<Reason>[] = [
  { label: 'Reason', cell: (row) => <ReasonButton row={row} /> },
  { label: 'From', cell: (row) => <a href={href('stream', { stream: row.original })}>{row.original}</a> },
  { label: 'Group', cell: (row) => row.group, only: 'wide' },
  { label: 'Letters', align: 'end', cell: (row) => count(row.count) },
  { label: 'Oldest', align: 'end', only: 'wide', cell: (row) => <Ago ms={row.oldestMs} /> },
  { label: 'Newest', align: 'end', only: 'wide', cell: (row) => <Ago ms={row.newestMs} /> },
]

const LETTERS: Column<Letter>[] = [
  { label: 'Moved', cell: (letter) => <Ago ms={letter.movedAtMs} /> },
  { label: 'Reason', cell: (letter) => letter.reason },
  { label: 'Deliveries', align: 'end', only: 'wide', cell: (letter) => count(letter.deliveries) },
  { label: 'Content', only: 'wide', cell: (letter) => <FieldsLine fields={letter.fields} /> },
]

function ReasonButton({ row }: { row: Reason }) {
  const isShown = keyOf(row) === keyOf(kindAsked())
  const { reason, original, group } = row
  const next = isShown ? { reason: null, original: null, originalGroup: null } : { reason, original, originalGroup: group }
  return (
    <Button look={isShown ? 'main' : 'plain'} pressed={isShown} onClick={() => alter(next)}>
      {reason || 'no reason'}
    </Button>
  )
}

function Filters() {
  return (
    <>
      <MatchField label="Search in letters" />
      <DecoderChoice />
    </>
  )
}

function Detail({ stream, letter, edit }: { stream: string; letter: Letter; edit: () => void }) {
  const whole = async () => {
    const entry = await attempt(() => get<{ fields: Fields }>('entry', { stream, id: letter.id }))
    return entry && entry.fields.slice(entry.fields.length - letter.fields.length)
  }
  return (
    <div class="form">
      <Facts
        items={[
          ['Letter', <span class="id">{letter.id}</span>],
          ['Was', <><a href={href('stream', { stream: letter.originalStream })}>{letter.originalStream}</a> <span class="id">{letter.originalId}</span></>],
          ['Group', letter.originalGroup],
          ['Moved', <At ms={letter.movedAtMs} />],
          ['Deliveries', count(letter.deliveries)],
          ...((letter.errorChain ?? []).length > 0 ? [['Error', letter.errorChain?.join(' \u2190 ')] as const] : []),
        ]}
      />
      <FieldsView fields={letter.fields} whole={whole} />
      <div><Button needs="operator" onClick={edit}>Edit and bring back</Button></div>
    </div>
  )
}

function kindAsked() {
  return { reason: asked('reason'), original: asked('original'), group: asked('originalGroup') }
}

function keyOf({ reason, original, group }: { reason: string; original: string; group: string }): string {
  return [reason, original, group].join('\n')
}

function isOpenToAll(which: Which): boolean {
  return !which.ids && !which.reason && !which.original && !which.group
}

/** Leaves out what is empty: the API takes an empty reason for one. */
export function meant({ ids, reason, original, group }: Which): Which {
  if (ids) return { ids }
  return { ...(reason && { reason }), ...(original && { original }), ...(group && { group }) }
}

async function purge(stream: string, which: Which, reload: () => void): Promise<void> {
  const isAll = isOpenToAll(which)
  const wish = { stream, ...meant(which), ...(isAll && { confirm: stream }) }
  const dry = await attempt(() => post<Counted>('dead-letters/purge', { ...wish, dryRun: true }))
  if (!dry) return
  const yes = await confirmed({
    title: `Purge ${several(dry.count, 'letter')}?`,
    text: 'They are deleted, and nothing brings them back.',
    action: 'Purge',
    danger: true,
    typed: isAll ? stream : undefined,
  })
  if (!yes) return
  await attempt(
    () => post<Counted>('dead-letters/purge', wish),
    ({ count }) => `${several(count, 'letter')} purged`,
  )
  reload()
}
