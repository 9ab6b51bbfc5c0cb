// One user's trace: what is sent to them, and where they are connected.
import { useState } from 'preact/hooks'
import { Facts } from '../components/facts'
import { Messages, useMessages } from '../components/messages'
import { Page } from '../components/page'
import { count } from '../format/number'
import { asked, href } from '../route'

interface Presence {
  channels: string[]
  sockets: number
}

export function User() {
  const user = asked('user')
  const [isPaused, pause] = useState(false)
  const [presence, setPresence] = useState<Presence | null>(null)
  const messages = useMessages('live/user', isPaused ? null : { user }, {
    presence: ({ data }) => setPresence(JSON.parse(data) as Presence),
  })
  return (
    <Page title={user} trail={[['Gateway', href('gateway')]]} lead="What is sent to this user, and to all">
      <section class="panel">
        <Facts
          items={[
            ['Sockets', count(presence?.sockets)],
            ['Channels', presence?.channels.join(', ') || 'none'],
          ]}
        />
      </section>
      <Messages {...messages} isPaused={isPaused} pause={pause} />
    </Page>
  )
}
