// A dialog above the page, with the browser's own keeping of the focus; Escape closes it.
import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { Button, type ButtonProps } from './button'

/** The button that does what a dialog is for. */
export interface Submission extends Pick<ButtonProps, 'disabled' | 'needs'> {
  text: string
  look?: 'main' | 'danger'
}

export function Dialog(props: {
  title: string
  onClose: () => void
  children: ComponentChildren
  /** The button at its end beside the one that cancels. */
  submit?: Submission
  /** Buttons before these two; without `submit`, all that there are. */
  actions?: ComponentChildren
  /** What happens on Enter, and on the button of the kind `submit`. */
  onSubmit?: () => void
  wide?: boolean
}) {
  const element = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useLayoutEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => before instanceof HTMLElement && before.focus()
  }, [])
  const submit = (event: Event) => {
    event.preventDefault()
    props.onSubmit?.()
  }
  return (
    <dialog
      ref={element}
      class={props.wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={titleId}
      onClose={props.onClose}
    >
      <form onSubmit={submit}>
        <header class="dialog-head">
          <h2 id={titleId}>{props.title}</h2>
          <Button look="quiet" icon="close" label="Close" onClick={props.onClose} />
        </header>
        <div class="dialog-body">{props.children}</div>
        <footer class="dialog-actions">
          {props.actions}
          {props.submit && <Ends submit={props.submit} onClose={props.onClose} />}
        </footer>
      </form>
    </dialog>
  )
}

function Ends({ submit, onClose }: { submit: Submission; onClose: () => void }) {
  const { text, look = 'main', disabled, needs } = submit
  return (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button type="submit" look={look} disabled={disabled} needs={needs}>{text}</Button>
    </>
  )
}
