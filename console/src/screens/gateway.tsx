// The gateway: how many are connected, and who.
import { get } from '../api/client'
import { useResource } from '../api/resource'
import type { GatewayNow, UserRow } from '../api/server'
import { ListTable, useList } from '../components/list'
import { Loaded } from '../components/notice'
import { Page } from '../components/page'
import type { Column } from '../components/table'
import { Tile } from '../components/tile'
import { brief, count, several } from '../format/number'
import { href } from '../route'

const COLUMNS: Column<UserRow>[] = [
  { label: 'User', cell: (row) => <User user={row.user} /> },
  { label: 'Sockets', align: 'end', cell: (row) => count(row.sockets) },
  { label: 'Channels', cell: (row) => <span class="fields-line">{row.channels.join(', ')}</span> },
]

export function Gateway() {
  const now = useResource('gateway', (signal) => get<GatewayNow>('gateway', {}, signal), 2000)
  const list = useList<UserRow>('gateway/users', { by: '', order: 'asc' })
  return (
    <Page title="Gateway" lead="Browsers that are connected to this gateway">
      <Loaded of={now} rows={2}>{(told) => <Numbers told={told} />}</Loaded>
      <ListTable
        list={list}
        noun="user"
        caption="Users"
        columns={COLUMNS}
        rowKey={(row) => row.user ?? ''}
        empty="A page connects with firth.js, which this gateway serves."
      />
    </Page>
  )
}

function Numbers({ told }: { told: GatewayNow }) {
  return (
    <div class="tiles">
      <Tile label="Sockets" value={count(told.sockets)} more={`of ${count(told.socketsMax)} at most`} />
      <Tile label="Users" value={count(told.users)} more="with a name" />
      <Tile label="Channels" value={count(told.channels)} more={`and ${several(told.streams, 'stream')}`} />
      <Tile label="Delivered" value={brief(told.delivered)} more={`${brief(told.received)} received`} />
      <Tile
        label="Opened"
        value={brief(told.opened)}
        more={`${count(told.refused)} refused, ${count(told.slow)} too slow`}
        level={told.slow > 0 ? 'warn' : undefined}
      />
    </div>
  )
}

function User({ user }: { user: string | null }) {
  if (user === null) return <span class="muted">without a name</span>
  return <a class="strong" href={href('user', { user })}>{user}</a>
}
