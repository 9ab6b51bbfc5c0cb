// The way to all screens, with numbers where something waits.
import { overview } from '../api/overview'
import { may } from '../api/session'
import { Icon } from '../components/icon'
import { brief } from '../format/number'
import { href, place } from '../route'
import { screenAt, SCREENS, SECTIONS } from '../screens'

export function Navigation() {
  return (
    <nav class="navigation" aria-label="Screens">
      {SECTIONS.map((section) => <Section key={section} name={section} />)}
    </nav>
  )
}

function Section({ name }: { name: (typeof SECTIONS)[number] }) {
  const here = screenAt(place.value.path)
  const current = here?.within ?? here?.path
  const screens = SCREENS.filter((screen) => screen.section === name && may(screen.needs))
  if (screens.length === 0) return null
  return (
    <div class="navigation-section">
      {name && <h2>{name}</h2>}
      <ul>
        {screens.map((screen) => (
          <li key={screen.path}>
            <a href={href(screen.path)} aria-current={screen.path === current ? 'page' : undefined}>
              <Icon name={screen.icon} />
              <span>{screen.title}</span>
              <Waiting path={screen.path} />
            </a>
          </li>
        ))}
      </ul>
    </div>
  )
}

function Waiting({ path }: { path: string }) {
  const streams = overview.value?.streams
  if (path === 'streams' && streams) return <span class="navigation-count">{brief(streams.count)}</span>
  if (path === 'groups' && streams) return <span class="navigation-count">{brief(streams.groups)}</span>
  const dead = streams?.deadLetters ?? 0
  if (path === 'dead-letters' && dead > 0) return <span class="navigation-count warn">{brief(dead)}</span>
  return null
}
