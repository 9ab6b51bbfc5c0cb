// The dialog that appends an entry.
import { useState } from 'preact/hooks'
import { post } from '../../api/client'
import { Button } from '../../components/button'
import { Dialog } from '../../components/dialog'
import { TextArea, TextField } from '../../components/field'
import { attempt } from '../../components/toast'

type Pair = readonly [string, string]

export function Append(props: { stream: string; onClose: () => void; onDone: () => void }) {
  const [pairs, setPairs] = useState<Pair[]>([['', '']])
  const [id, setId] = useState('')
  const change = (at: number, pair: Pair) => setPairs(pairs.map((old, index) => (index === at ? pair : old)))
  const submit = async () => {
    const body = { stream: props.stream, fields: pairs, ...(id && { id }) }
    const done = await attempt(() => post<{ id: string }>('append', body), ({ id }) => `Appended as ${id}`)
    if (!done) return
    props.onClose()
    props.onDone()
  }
  const addField = <Button icon="plus" onClick={() => setPairs([...pairs, ['', '']])}>Field</Button>
  const submission = { text: 'Append' }
  return (
    <Dialog
      title={`Append to ${props.stream}`}
      onClose={props.onClose}
      onSubmit={() => void submit()}
      actions={addField}
      submit={submission}
      wide
    >
      {pairs.map(([name, value], at) => (
        <div class="pair" key={at}>
          <TextField label="Name" value={name} onInput={(name) => change(at, [name, value])} mono autofocus={at === 0} />
          <TextArea label="Value" rows={2} value={value} onInput={(value) => change(at, [name, value])} />
          <Button
            look="quiet"
            icon="trash"
            label={`Remove field ${at + 1}`}
            disabled={pairs.length === 1}
            onClick={() => setPairs(pairs.filter((_, index) => index !== at))}
          />
        </div>
      ))}
      <TextField label="Id" value={id} onInput={setId} placeholder="made by the server" mono />
    </Dialog>
  )
}
