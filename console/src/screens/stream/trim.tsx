// The dialog that trims a stream: it counts what would go before it asks.
import { useState } from 'preact/hooks'
import { post } from '../../api/client'
import type { Counted } from '../../api/types'
import { Dialog } from '../../components/dialog'
import { Choice, TextField } from '../../components/field'
import { confirmed } from '../../components/question'
import { attempt } from '../../components/toast'
import { several } from '../../format/number'

type Way = 'length' | 'id'

const WAYS = [['length', 'To a length'], ['id', 'Before an id']] as const

export function Trim(props: { stream: string; onClose: () => void; onDone: () => void }) {
  const [way, setWay] = useState<Way>('length')
  const [text, setText] = useState('')
  const body = {
    stream: props.stream,
    ...(way === 'length' ? { maxLength: Number(text) } : { before: text }),
  }
  const submit = async () => {
    const dry = await attempt(() => post<Counted>('trim', { ...body, dryRun: true }))
    if (!dry) return
    const least = dry.complete === false ? 'at least ' : ''
    const what = `${least}${several(dry.count, 'entry', 'entries')}`
    props.onClose()
    const isSure = await confirmed({
      title: `Trim ${props.stream}`,
      text: dry.count === 0 ? 'No entry would go.' : `This removes ${what}. They do not come back.`,
      action: 'Trim',
      danger: true,
    })
    if (!isSure) return
    const done = await attempt(
      () => post<Counted>('trim', body),
      ({ count }) => `${several(count, 'entry', 'entries')} removed`,
    )
    if (done) props.onDone()
  }
  const submission = { text: 'Count what would go', disabled: text === '' }
  return (
    <Dialog title={`Trim ${props.stream}`} onClose={props.onClose} onSubmit={() => void submit()} submit={submission}>
      <Choice label="How" value={way} onChange={setWay} options={WAYS} />
      {way === 'length' ? (
        <TextField key="length" label="Keep the newest" type="number" min={0} value={text} onInput={setText} hint="entries" autofocus />
      ) : (
        <TextField key="id" label="Remove all before" value={text} onInput={setText} placeholder="1795427413000-0" mono autofocus />
      )}
    </Dialog>
  )
}
