// Messages as they come, the newest first, as many as a page can hold.
import { useState } from 'preact/hooks'
import { useLive, type Listeners } from '../api/live'
import type { Query } from '../api/query'
import type { Message } from '../api/server'
import { clockTime } from '../format/time'
import { several } from '../format/number'
import { Button } from './button'
import { DecoderChoice, ValueView } from './decoder'
import { LiveBadge } from './live-badge'
import { Empty, Note } from './notice'
import { Panel } from './page'

const SHOWN_MAX = 200

interface Heard {
  messages: (Message & { key: number })[]
  total: number
  dropped: number
}

/** Hears the messages of an event stream; `others` are what else it says. */
export function useMessages(path: string, query: Query | null, others: Listeners = {}) {
  const [heard, setHeard] = useState<Heard>({ messages: [], total: 0, dropped: 0 })
  const state = useLive(path, query, {
    ...others,
    message: ({ data }) => {
      const message = JSON.parse(data) as Message
      setHeard(({ messages, total, dropped }) => {
        const key = total + 1
        return { messages: [{ ...message, key }, ...messages].slice(0, SHOWN_MAX), total: key, dropped }
      })
    },
    dropped: ({ data }) => {
      const { count } = JSON.parse(data) as { count: number }
      setHeard((before) => ({ ...before, dropped: before.dropped + count }))
    },
  })
  return { state, heard, clear: () => setHeard({ messages: [], total: 0, dropped: 0 }) }
}

export function Messages(props: ReturnType<typeof useMessages> & { isPaused: boolean; pause: (yes: boolean) => void }) {
  const { state, heard, clear, isPaused, pause } = props
  const actions = (
    <>
      <LiveBadge state={state} />
      <DecoderChoice />
      <Button icon={isPaused ? 'play' : 'pause'} pressed={isPaused} onClick={() => pause(!isPaused)}>
        {isPaused ? 'Go on' : 'Pause'}
      </Button>
      <Button look="quiet" onClick={clear}>Clear</Button>
    </>
  )
  return (
    <Panel title={`${several(heard.total, 'message')}`} actions={actions}>
      {heard.dropped > 0 && <Note level="warn">{several(heard.dropped, 'message')} came too fast to be shown.</Note>}
      {heard.messages.length === 0 && <Empty title="Nothing yet">What is published from now on appears here.</Empty>}
      <ol class="messages" aria-label="Messages">
        {heard.messages.map((message) => (
          <li key={message.key}>
            <span class="messages-head"><time class="mono">{clockTime(message.atMs)}</time> <span class="muted">{message.channel}</span></span>
            <ValueView value={message.payload} />
          </li>
        ))}
      </ol>
    </Panel>
  )
}
