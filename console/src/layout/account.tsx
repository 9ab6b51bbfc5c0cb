// Who is looking, the theme, and the way out.
import { logOut } from '../api/client'
import { session } from '../api/session'
import { Button } from '../components/button'
import { attempt } from '../components/toast'
import { nextTheme, theme } from '../theme'

const ICONS = { system: 'system', light: 'sun', dark: 'moon' } as const
const NAMES = { system: 'as the system', light: 'light', dark: 'dark' }

export function Account() {
  const who = session.value
  return (
    <div class="account">
      <div class="account-who">
        {who?.user && <span class="account-user">{who.user}</span>}
        <span class="muted">{who?.role}</span>
      </div>
      <Button look="quiet" icon={ICONS[theme.value]} label={`Colours: ${NAMES[theme.value]}`} onClick={nextTheme} />
      {!who?.open && (
        <Button look="quiet" icon="leave" label="Log out" onClick={() => void attempt(logOut)} />
      )}
    </div>
  )
}
