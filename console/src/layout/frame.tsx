// What surrounds all screens: the navigation at the side, or above on a phone.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { followOverview } from '../api/overview'
import { session } from '../api/session'
import { Button } from '../components/button'
import { Note } from '../components/notice'
import { place } from '../route'
import { Brand } from './brand'
import { Navigation } from './navigation'
import { Status } from './status'
import { Account } from './account'

export function Frame({ children }: { children: ComponentChildren }) {
  const [isOpen, setOpen] = useState(false)
  useEffect(followOverview, [])
  useEffect(() => setOpen(false), [place.value])
  return (
    <div class={isOpen ? 'frame open' : 'frame'}>
      <a class="skip" href="#content">To the content</a>
      <header class="top">
        <Brand />
        <Button
          look="quiet"
          icon={isOpen ? 'close' : 'menu'}
          label={isOpen ? 'Close the menu' : 'Menu'}
          pressed={isOpen}
          onClick={() => setOpen(!isOpen)}
        />
      </header>
      <aside class="side">
        <Brand />
        <Navigation />
        <Status />
        <Account />
      </aside>
      <main id="content" tabIndex={-1}>
        {session.value?.open && (
          <Note level="warn">
            There is no password and no key: everybody on this machine is admin here.
          </Note>
        )}
        {children}
      </main>
    </div>
  )
}
