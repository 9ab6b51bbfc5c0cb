// What is appended to a stream now: the newest above, a few hundred at most.
import { useEffect, useRef, useState } from 'preact/hooks'
import { useLive, type LiveState } from '../../api/live'
import type { Entry } from '../../api/types'
import { Button } from '../../components/button'
import { DecoderChoice, FieldsLine } from '../../components/decoder'
import { SearchField } from '../../components/field'
import { LiveBadge } from '../../components/live-badge'
import { Empty } from '../../components/notice'
import { Table, type Column } from '../../components/table'
import { count } from '../../format/number'
import { clockTime } from '../../format/time'
import { EntryDetail } from './entries'

const ENTRIES_MAX = 300
/** Entries are shown together that often, however many arrive. */
const SHOW_EVERY_MS = 250
const TYPING_MS = 300

const COLUMNS: Column<Entry>[] = [
  { label: 'Time', only: 'wide', cell: (entry) => clockTime(entry.ms) },
  { label: 'Id', cell: (entry) => <span class="id">{entry.id}</span> },
  { label: 'Fields', cell: (entry) => <FieldsLine fields={entry.fields} /> },
]

export function LiveTail({ stream }: { stream: string }) {
  const [isOn, setOn] = useState(true)
  const [text, setText] = useState('')
  const match = useSettled(text, TYPING_MS)
  const tail = useTail(stream, match, isOn)
  return (
    <section class="panel">
      <div class="panel-head">
        <SearchField label="Only entries that contain" value={text} onInput={setText} />
        <div class="panel-actions">
          <Now state={tail.state} seen={tail.seen} dropped={tail.dropped} />
          <DecoderChoice />
          <Button icon={isOn ? 'pause' : 'play'} onClick={() => setOn(!isOn)}>{isOn ? 'Pause' : 'Go on'}</Button>
          <Button look="quiet" onClick={tail.clear}>Clear</Button>
        </div>
      </div>
      {tail.entries.length > 0 ? (
        <Table
          caption="Entries as they arrive"
          columns={COLUMNS}
          rows={tail.entries}
          rowKey={(entry) => entry.id}
          detail={(entry) => <EntryDetail stream={stream} entry={entry} />}
        />
      ) : (
        <Empty title={isOn ? 'Waiting for entries' : 'Paused'}>
          {isOn && 'What is appended from now on appears here.'}
        </Empty>
      )}
    </section>
  )
}

function Now({ state, seen, dropped }: { state: LiveState; seen: number; dropped: number }) {
  return (
    <>
      <LiveBadge state={state} />
      <span class="muted">{count(seen)} seen{dropped > 0 && `, ${count(dropped)} left out`}</span>
    </>
  )
}

/** Follows a stream; what arrives is gathered and shown a few times a second. */
function useTail(stream: string, match: string, isOn: boolean) {
  const [entries, setEntries] = useState<Entry[]>([])
  const [seen, setSeen] = useState(0)
  const [dropped, setDropped] = useState(0)
  const waiting = useRef<Entry[]>([])
  const state = useLive('live/stream', isOn ? { stream, match } : null, {
    entry: ({ data }) => void waiting.current.push(JSON.parse(data) as Entry),
    dropped: ({ data }) => setDropped((before) => before + (JSON.parse(data) as { count: number }).count),
  })
  useEffect(() => {
    const timer = window.setInterval(() => {
      const arrived = waiting.current
      if (arrived.length === 0) return
      waiting.current = []
      setSeen((before) => before + arrived.length)
      setEntries((before) => [...arrived.slice(-ENTRIES_MAX).reverse(), ...before].slice(0, ENTRIES_MAX))
    }, SHOW_EVERY_MS)
    return () => window.clearInterval(timer)
  }, [])
  return { entries, seen, dropped, state, clear: () => setEntries([]) }
}

/** Returns a text when it has not changed for a while. */
function useSettled(text: string, ms: number): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), ms)
    return () => window.clearTimeout(timer)
  }, [text])
  return settled
}
