// Fields of forms, each with its label.
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon } from './icon'

interface Base {
  label: string
  /** A word more, below the field. */
  hint?: ComponentChildren
  disabled?: boolean
}

/** A line of text, or of something else that is typed. */
export function TextField(
  props: Base & {
    value: string
    onInput: (value: string) => void
    type?: 'text' | 'password' | 'number' | 'datetime-local'
    placeholder?: string
    required?: boolean
    mono?: boolean
    autofocus?: boolean
    autocomplete?: string
    min?: number
    max?: number
    /** The step of a field of times or numbers. */
    step?: number | 'any'
  },
) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  // The typing of elements has a shape for each type; none of what differs is used here.
  const type = (props.type ?? 'text') as 'text'
  useEffect(() => {
    if (props.autofocus) input.current?.focus()
  }, [])
  return (
    <Labelled id={id} label={props.label} hint={props.hint}>
      <input
        id={id}
        ref={input}
        class={props.mono ? 'input mono' : 'input'}
        type={type}
        value={props.value}
        placeholder={props.placeholder}
        required={props.required}
        disabled={props.disabled}
        autocomplete={props.autocomplete ?? 'off'}
        spellcheck={false}
        min={props.min}
        max={props.max}
        step={props.step}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </Labelled>
  )
}

/** Several lines of text. */
export function TextArea(
  props: Base & { value: string; onInput: (value: string) => void; rows?: number; placeholder?: string },
) {
  const id = useId()
  return (
    <Labelled id={id} label={props.label} hint={props.hint}>
      <textarea
        id={id}
        class="input mono"
        rows={props.rows ?? 4}
        value={props.value}
        placeholder={props.placeholder}
        disabled={props.disabled}
        spellcheck={false}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </Labelled>
  )
}

/** One of several. */
export function SelectField<T extends string>(
  props: Base & { value: T; onChange: (value: T) => void; options: readonly (readonly [T, string])[] },
) {
  const id = useId()
  const change = (value: string) => {
    const option = props.options.find(([name]) => name === value)
    if (option) props.onChange(option[0])
  }
  return (
    <Labelled id={id} label={props.label} hint={props.hint}>
      <select
        id={id}
        class="input"
        value={props.value}
        disabled={props.disabled}
        onChange={(event) => change(event.currentTarget.value)}
      >
        {props.options.map(([value, text]) => <option value={value} key={value}>{text}</option>)}
      </select>
    </Labelled>
  )
}

/** A filter: a field without a visible label. */
export function SearchField(props: {
  label: string
  value: string
  onInput: (value: string) => void
  placeholder?: string
}) {
  return (
    <div class="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        aria-label={props.label}
        placeholder={props.placeholder ?? props.label}
        value={props.value}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </div>
  )
}

/** One of a few, all visible. */
export function Choice<T extends string>(props: {
  label: string
  value: T
  onChange: (value: T) => void
  options: readonly (readonly [T, string])[]
}) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button
          type="button"
          key={value}
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {text}
        </button>
      ))}
    </div>
  )
}

function Labelled(props: { id: string; label: string; hint: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      {props.children}
      {props.hint && <div class="hint">{props.hint}</div>}
    </div>
  )
}
