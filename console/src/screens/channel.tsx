// What is published on a channel, or on those of a pattern, as it comes.
import { useState } from 'preact/hooks'
import { Button } from '../components/button'
import { Messages, useMessages } from '../components/messages'
import { Page } from '../components/page'
import { asked, href } from '../route'
import { Publish } from './channels'

export function Channel() {
  const [channel, pattern] = [asked('channel'), asked('pattern')]
  const [isPaused, pause] = useState(false)
  const [isPublishing, setPublishing] = useState(false)
  const query = isPaused ? null : pattern ? { pattern } : { channel }
  const messages = useMessages('live/channel', query)
  return (
    <Page
      title={pattern || channel}
      trail={[['Channels', href('channels')]]}
      actions={!pattern && <Button look="main" icon="plus" needs="operator" onClick={() => setPublishing(true)}>Publish</Button>}
    >
      <Messages {...messages} isPaused={isPaused} pause={pause} />
      {isPublishing && <Publish channel={channel} onClose={() => setPublishing(false)} />}
    </Page>
  )
}
