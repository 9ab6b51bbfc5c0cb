// A letter with other content, which is then brought back.
import { useState } from 'preact/hooks'
import { post } from '../api/client'
import type { Letter } from '../api/server'
import type { Fields, Given, Value } from '../api/types'
import { Dialog } from '../components/dialog'
import { TextArea } from '../components/field'
import { Note } from '../components/notice'
import { attempt } from '../components/toast'
import { isCut, oneLine, textOf } from '../format/value'

export function EditLetter(props: { stream: string; letter: Letter; onClose: () => void }) {
  const { stream, letter, onClose } = props
  const [fields, setFields] = useState<Fields>(letter.fields)
  const isShort = letter.fields.some((pair) => pair.some(isCut))
  const set = (at: number, text: string) => {
    setFields(fields.map((pair, index) => (index === at ? [pair[0], text] : pair)))
  }
  const send = async () => {
    const edit = { id: letter.id, fields: fields.map(([name, value]) => [given(name), given(value)]) }
    const done = await attempt(
      () => post<{ job: string }>('dead-letters/redrive', { stream, edit }),
      () => 'The letter goes back with its new content',
    )
    if (done) onClose()
  }
  const submission = { text: 'Bring it back', disabled: isShort, needs: 'operator' } as const
  return (
    <Dialog title={`Edit ${letter.id}`} onClose={onClose} onSubmit={() => void send()} submit={submission} wide>
      {isShort && <Note level="warn">It has values that are too long to be edited here.</Note>}
      {fields.map(([name, value], at) => (
        <TextArea
          key={at}
          label={oneLine(name)}
          rows={Math.min(8, (textOf(value) ?? '').split('\n').length + 1)}
          value={textOf(value) ?? oneLine(value)}
          disabled={textOf(value) === null}
          hint={textOf(value) === null ? 'bytes that are no text stay as they are' : undefined}
          onInput={(text) => set(at, text)}
        />
      ))}
    </Dialog>
  )
}

function given(value: Value): Given {
  const text = textOf(value)
  if (text !== null) return text
  return typeof value === 'object' && 'base64' in value ? { base64: value.base64 } : ''
}
