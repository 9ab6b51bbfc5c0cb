// The server behind it all: its clients, what was slow, its settings and its users.
import { useState } from 'preact/hooks'
import { get } from '../api/client'
import { useResource } from '../api/resource'
import type { ClientRow, SettingRow, SlowRow, UserRules } from '../api/server'
import { SearchField } from '../components/field'
import { ListTable, useList } from '../components/list'
import { LoadedTable } from '../components/loaded-table'
import { Empty, Loaded } from '../components/notice'
import { Page, Panel } from '../components/page'
import { Table, type Column } from '../components/table'
import { At } from '../components/when'
import { bytes } from '../format/number'
import { duration } from '../format/time'
import { alter, asked } from '../route'

const NODE = { label: 'Node', only: 'wide', cell: (row: { node: string }) => row.node } as const

const CLIENTS: Column<ClientRow>[] = [
  { label: 'Id', sort: 'id', align: 'end', cell: ({ fields }) => fields.id },
  { label: 'Address', sort: 'address', cell: ({ fields }) => <span class="mono">{fields.addr}</span> },
  { label: 'Name', sort: 'name', cell: ({ fields }) => fields.name },
  { label: 'Command', sort: 'command', cell: ({ fields }) => <span class="mono">{fields.cmd}</span> },
  { label: 'Connected', sort: 'age', align: 'end', only: 'wide', cell: ({ fields }) => ago(fields.age) },
  { label: 'Idle', sort: 'idle', align: 'end', only: 'wide', cell: ({ fields }) => ago(fields.idle) },
  { label: 'Memory', sort: 'memory', align: 'end', only: 'wide', cell: ({ fields }) => bytes(number(fields['tot-mem'])) },
]

export function Clients() {
  const list = useList<ClientRow>('clients', { by: 'id', order: 'asc' })
  return (
    <Page title="Clients" lead="Connections to the server, the gateway's own among them">
      <ListTable
        list={list}
        noun="client"
        caption="Clients"
        columns={CLIENTS}
        rowKey={({ node, fields }) => `${node} ${fields.id ?? ''}`}
        detail={({ fields }) => <pre class="value-text">{Object.entries(fields).map(([name, value]) => `${name}=${value}`).join(' ')}</pre>}
        empty="A broker within this process has none."
      />
    </Page>
  )
}

const SLOW: Column<SlowRow>[] = [
  { label: 'When', cell: (row) => <At ms={row.atMs} /> },
  { label: 'Took', align: 'end', cell: (row) => duration(row.tookUs / 1000) },
  { label: 'Command', cell: (row) => <span class="fields-line">{row.args.join(' ')}</span> },
  { label: 'Client', only: 'wide', cell: (row) => row.name || row.client },
  NODE,
]

export function SlowLog() {
  const log = useResource('slow', (signal) => get<{ items: SlowRow[] }>('slow-log', { limit: 200 }, signal), 5000)
  return (
    <Page title="Slow log" lead="Commands that took longer than the server is told to tolerate, the newest first">
      <section class="panel">
        <LoadedTable
          of={log}
          empty={<Empty title="Nothing was slow"><code>CONFIG SET slowlog-log-slower-than 1000</code> notes what takes a millisecond.</Empty>}
          caption="Slow commands"
          columns={SLOW}
          rowKey={(row) => `${row.node} ${row.id}`}
        />
      </section>
    </Page>
  )
}

const SETTINGS: Column<SettingRow>[] = [
  { label: 'Setting', cell: (row) => <span class="mono">{row.name}</span> },
  { label: 'Value', cell: (row) => <span class="fields-line">{row.value || '""'}</span> },
  NODE,
]

export function Settings() {
  const match = asked('match')
  const config = useResource(match, (signal) => get<{ items: SettingRow[] }>('config', { match }, signal))
  return (
    <Page title="Configuration">
      <Panel title="Settings" actions={<SearchField label="Filter settings" value={match} onInput={(match) => alter({ match })} />}>
        <LoadedTable
          of={config}
          empty={<Empty title="No setting is called that" />}
          caption="Settings"
          columns={SETTINGS}
          rowKey={(row) => `${row.node} ${row.name}`}
        />
      </Panel>
    </Page>
  )
}

const RULES: Column<UserRules>[] = [
  { label: 'User', cell: (row) => <span class="name">{row.user}</span> },
  { label: 'Rules', cell: (row) => <code>{row.rules}</code> },
  NODE,
]

export function Users() {
  const [match, setMatch] = useState('')
  const acl = useResource('acl', (signal) => get<{ items: UserRules[] }>('acl', {}, signal))
  return (
    <Page title="Users" lead="Of the server (ACL), and what each may do">
      <Panel title="Rules" actions={<SearchField label="Filter users" value={match} onInput={setMatch} />}>
        <Loaded of={acl}>
          {({ items }) =>
            items.length === 0
              ? <Empty title="This server has no users to list" />
              : (
                <Table
                  caption="Users"
                  columns={RULES}
                  rows={items.filter((row) => row.user.includes(match))}
                  rowKey={(row) => `${row.node} ${row.user}`}
                />
              )
          }
        </Loaded>
      </Panel>
    </Page>
  )
}

function number(text: string | undefined): number | null {
  return text === undefined || text === '' ? null : Number(text)
}

function ago(seconds: string | undefined): string {
  const s = number(seconds)
  return duration(s === null ? null : s * 1000)
}
