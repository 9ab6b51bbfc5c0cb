// Values and fields of entries, read as JSON, as text or as bytes.
import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { Fields, Value } from '../api/types'
import { pieces } from '../format/json'
import { bytes } from '../format/number'
import { decode, isCut, oneLine, textOf, type Decoder } from '../format/value'
import { Button } from './button'
import { Choice } from './field'
import { tell } from './toast'

/** How values are read, on all screens. */
export const decoder = signal<Decoder>('auto')

const DECODERS = [['auto', 'Auto'], ['json', 'JSON'], ['text', 'Text'], ['hex', 'Hex']] as const

/** So long a value may have to be scrolled, for which it must be reached by the keyboard. */
const SCROLLS_FROM = 600

/** Chooses how values are read. */
export function DecoderChoice() {
  return (
    <Choice
      label="Read values as"
      value={decoder.value}
      options={DECODERS}
      onChange={(chosen) => (decoder.value = chosen)}
    />
  )
}

/** A value, readable. */
export function ValueView({ value }: { value: Value }) {
  const shown = decode(value, decoder.value)
  return (
    <div class="value">
      <pre class={`value-text ${shown.kind}`} tabIndex={shown.text.length > SCROLLS_FROM ? 0 : undefined}>{shown.kind === 'json' ? <Json text={shown.text} /> : shown.text}</pre>
      {shown.problem && <span class="muted">{shown.problem}</span>}
      {shown.cutOf !== null && <span class="muted">the beginning of {bytes(shown.cutOf)}</span>}
    </div>
  )
}

function Json({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map((piece, at) =>
        typeof piece === 'string' ? piece : <span class={`json-${piece.kind}`} key={at}>{piece.text}</span>,
      )}
    </>
  )
}

/** All fields of an entry; `whole` reads those that were cut. */
export function FieldsView({ fields, whole }: { fields: Fields; whole?: () => Promise<Fields | null> }) {
  const [all, setAll] = useState<Fields | null>(null)
  const shown = all ?? fields
  const isShort = shown.some((pair) => pair.some(isCut))
  const copy = () => {
    const object = shown.map(([name, value]) => [textOf(name) ?? name, textOf(value) ?? value])
    void navigator.clipboard?.writeText(JSON.stringify(object)).then(() => tell('Copied'))
  }
  return (
    <div class="fields">
      <dl>
        {shown.map(([name, value], at) => (
          <div class="field-pair" key={at}>
            <dt>{oneLine(name)}</dt>
            <dd><ValueView value={value} /></dd>
          </div>
        ))}
      </dl>
      <div class="fields-actions">
        {isShort && whole && <Button look="quiet" onClick={() => void whole().then(setAll)}>Show all bytes</Button>}
        <Button look="quiet" icon="copy" onClick={copy}>Copy</Button>
      </div>
    </div>
  )
}

/** The fields of an entry in one line. */
export function FieldsLine({ fields }: { fields: Fields }) {
  return (
    <span class="fields-line">
      {fields.slice(0, 12).map(([name, value], at) => (
        <span key={at}>
          <span class="field-name">{oneLine(name)}</span>{oneLine(value).slice(0, 200)}{' '}
        </span>
      ))}
    </span>
  )
}
