// Who has changed what, and what came of it.
import type { Audited } from '../api/server'
import { Badge } from '../components/badge'
import { MatchField } from '../components/match-field'
import { Page, Panel } from '../components/page'
import { Table, type Column } from '../components/table'
import { useWalk, WalkView } from '../components/walk'
import { At } from '../components/when'
import { asked } from '../route'

const COLUMNS: Column<Audited>[] = [
  { label: 'When', cell: (row) => <At ms={row.atMs} /> },
  { label: 'Who', cell: (row) => <span class="name">{row.user || 'no name'} {row.role && <Badge>{row.role}</Badge>}</span> },
  { label: 'What', cell: (row) => row.action },
  { label: 'On', cell: (row) => <span class="mono">{row.target}</span> },
  { label: 'Outcome', cell: (row) => <Badge level={row.outcome === 'ok' ? 'ok' : 'bad'}>{row.outcome}</Badge> },
  { label: 'From', only: 'wide', cell: (row) => row.address },
]

export function Audit() {
  const walk = useWalk<Audited>('audit', { match: asked('match') }, 'to', 5000)
  return (
    <Page title="Audit log" lead="All that was asked to be changed through the console, the newest first">
      <Panel title="Actions" actions={<MatchField label="Search" />}>
        <WalkView of={walk} empty="Nothing has been changed">
          {(items) => (
            <Table
              caption="Actions"
              columns={COLUMNS}
              rows={items}
              rowKey={(row) => row.id}
              detail={(row) => <pre class="value-text">{JSON.stringify(row.detail, null, 2)}</pre>}
            />
          )}
        </WalkView>
      </Panel>
    </Page>
  )
}
