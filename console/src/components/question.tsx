// The question before something that cannot be undone, or that concerns many: one at a time, asked with `confirmed`.
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Dialog } from './dialog'
import { TextField } from './field'

export interface Question {
  title: string
  text: ComponentChildren
  /** What the button says that does it. */
  action: string
  /** Whether it destroys something. */
  danger?: boolean
  /** What has to be typed before it can be done. */
  typed?: string
}

const open = signal<(Question & { answer: (yes: boolean) => void }) | null>(null)

/** Asks, and returns whether the answer was yes. */
export function confirmed(question: Question): Promise<boolean> {
  open.value?.answer(false)
  return new Promise((resolve) => {
    const answer = (yes: boolean) => {
      open.value = null
      resolve(yes)
    }
    open.value = { ...question, answer }
  })
}

/** Where it is asked; once in the page. */
export function Questions() {
  const question = open.value
  return question && <Asked key={question.title} question={question} answer={question.answer} />
}

function Asked({ question, answer }: { question: Question; answer: (yes: boolean) => void }) {
  const [typed, setTyped] = useState('')
  const isReady = question.typed === undefined || typed === question.typed
  const submission = { text: question.action, look: question.danger ? 'danger' : 'main', disabled: !isReady } as const
  return (
    <Dialog
      title={question.title}
      onClose={() => answer(false)}
      onSubmit={() => isReady && answer(true)}
      submit={submission}
    >
      <div class="prose">{question.text}</div>
      {question.typed !== undefined && (
        <TextField label={`Type ${question.typed} to go on`} value={typed} onInput={setTyped} mono autofocus />
      )}
    </Dialog>
  )
}
