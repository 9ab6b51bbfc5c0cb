// An address that is no screen, or a screen for which the role is too low.
import { Empty } from '../components/notice'
import { Page } from '../components/page'
import { href } from '../route'
import type { Screen } from '../screens'

export function Missing() {
  return (
    <Page title="Not found">
      <section class="panel">
        <Empty title="There is no such page"><a href={href('')}>To the overview</a></Empty>
      </section>
    </Page>
  )
}

export function Refused({ screen }: { screen: Screen }) {
  return (
    <Page title={screen.title}>
      <section class="panel">
        <Empty title={`This page needs the role ${screen.needs}`}>
          Log in with a token that names it, or with the password.
        </Empty>
      </section>
    </Page>
  )
}
