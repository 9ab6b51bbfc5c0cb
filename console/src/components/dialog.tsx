// A dialog above the page, with the browser's own keeping of the focus; Escape closes it.
import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { Button } from './button'

export function Dialog(props: {
  title: string
  onClose: () => void
  children: ComponentChildren
  /** Buttons at its end. */
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
        {props.actions && <footer class="dialog-actions">{props.actions}</footer>}
      </form>
    </dialog>
  )
}
