// The entries of a stream: browsed and searched, by time, id and content.
import { useEffect, useState } from 'preact/hooks'
import { get, post } from '../../api/client'
import type { Query } from '../../api/query'
import type { Counted, Entry, Fields } from '../../api/types'
import { Button } from '../../components/button'
import { DecoderChoice, FieldsLine, FieldsView } from '../../components/decoder'
import { Choice, TextField } from '../../components/field'
import { confirmed } from '../../components/question'
import { SelectionBar, type Column } from '../../components/table'
import { attempt } from '../../components/toast'
import { useWalk, WalkTable } from '../../components/walk'
import { At } from '../../components/when'
import { several } from '../../format/number'
import { ofInput } from '../../format/time'
import { alter, asked } from '../../route'

const ENTRIES_AT_ONCE = 100
const ORDERS = [['desc', 'Newest first'], ['asc', 'Oldest first']] as const

const COLUMNS: Column<Entry>[] = [
  { label: 'Id', cell: (entry) => <span class="id">{entry.id}</span> },
  { label: 'Time', only: 'wide', cell: (entry) => <span class="end"><At ms={entry.ms} /></span> },
  { label: 'Fields', cell: (entry) => <FieldsLine fields={entry.fields} /> },
]

export function Entries(props: { stream: string; round: number; changed: () => void }) {
  const { stream, round, changed } = props
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const query = queryOf(stream)
  const walk = useWalk<Entry>('entries', query, query.order === 'asc' ? 'from' : 'to')
  useEffect(() => {
    if (round > 0) walk.again()
  }, [round])
  const selection = { chosen, change: setChosen }
  const remove = async () => {
    if (!(await removed(stream, [...chosen]))) return
    setChosen(new Set())
    changed()
  }
  return (
    <section class="panel">
      <Search isBusy={walk.isLoading} again={walk.again} />
      <SelectionBar selection={selection}>
        <Button look="danger" icon="trash" needs="admin" onClick={() => void remove()}>Delete</Button>
      </SelectionBar>
      <WalkTable
        walk={walk}
        empty="No entry is like that"
        bars={8}
        caption="Entries"
        columns={COLUMNS}
        rowKey={(entry) => entry.id}
        selection={selection}
        detail={(entry) => <EntryDetail stream={stream} entry={entry} />}
      />
    </section>
  )
}

/** All of an entry, readable. */
export function EntryDetail({ stream, entry }: { stream: string; entry: Entry }) {
  const whole = async (): Promise<Fields | null> => {
    const read = await attempt(() => get<Entry>('entry', { stream, id: entry.id }))
    return read?.fields ?? null
  }
  return <FieldsView fields={entry.fields} whole={whole} />
}

/** What the address of the page asks for. */
function queryOf(stream: string): Query {
  return {
    stream,
    match: asked('match'),
    field: asked('field'),
    from: asked('id') || ofInput(asked('from')),
    to: ofInput(asked('to')),
    order: asked('id') ? 'asc' : asked('order') || 'desc',
    limit: ENTRIES_AT_ONCE,
  }
}

function Search({ isBusy, again }: { isBusy: boolean; again: () => void }) {
  const [match, setMatch] = useState(asked('match'))
  const [field, setField] = useState(asked('field'))
  const [from, setFrom] = useState(asked('from'))
  const [to, setTo] = useState(asked('to'))
  const [id, setId] = useState(asked('id'))
  const submit = (event: Event) => {
    event.preventDefault()
    alter({ match, field, from, to, id })
    again()
  }
  const order = asked('id') || asked('order') === 'asc' ? 'asc' : 'desc'
  return (
    <>
      <form class="panel-body" onSubmit={submit}>
        <div class="form-grid">
          <TextField label="Contains" value={match} onInput={setMatch} placeholder="text in names or values" />
          <TextField label="In the field" value={field} onInput={setField} placeholder="any" />
          <TextField label="From" type="datetime-local" step={1} value={from} onInput={setFrom} />
          <TextField label="To" type="datetime-local" step={1} value={to} onInput={setTo} />
          <TextField label="From the id" value={id} onInput={setId} placeholder="1795427413000-0" mono />
          <Button type="submit" look="main" icon="search" disabled={isBusy}>Search</Button>
        </div>
      </form>
      <div class="panel-head">
        <Choice label="Order" value={order} options={ORDERS} onChange={(order) => alter({ order, id: null })} />
        <div class="panel-actions">
          <DecoderChoice />
          <Button icon="reload" label="Read again" onClick={again} />
        </div>
      </div>
    </>
  )
}

async function removed(stream: string, ids: string[]): Promise<boolean> {
  const what = several(ids.length, 'entry', 'entries')
  const isSure = await confirmed({
    title: `Delete ${what}`,
    text: 'They do not come back. Groups that have them pending keep them as gone.',
    action: `Delete ${what}`,
    danger: true,
  })
  if (!isSure) return false
  const done = await attempt(
    () => post<Counted>('delete', { stream, ids }),
    ({ count }) => `${several(count, 'entry was', 'entries were')} deleted`,
  )
  return done !== null
}
