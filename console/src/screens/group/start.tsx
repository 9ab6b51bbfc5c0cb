// Where a group begins, or goes on: the beginning, the end, or behind an id.
import { useState } from 'preact/hooks'
import { Choice, TextField } from '../../components/field'

type Way = 'end' | 'beginning' | 'id'

const WAYS = [['end', 'New entries only'], ['beginning', 'All entries'], ['id', 'After an id']] as const

/** `start` is what the API takes: `beginning`, `end` or an id; empty while no id was typed. */
export function StartField({ start, setStart }: { start: string; setStart: (start: string) => void }) {
  const [way, setWay] = useState<Way>('end')
  const choose = (way: Way) => {
    setWay(way)
    setStart(way === 'id' ? '' : way)
  }
  return (
    <>
      <Choice label="Where it reads from" value={way} onChange={choose} options={WAYS} />
      {way === 'id' && (
        <TextField label="Id" value={start} onInput={setStart} placeholder="1795427413000-0" mono autofocus />
      )}
    </>
  )
}
