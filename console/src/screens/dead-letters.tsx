// The streams of dead letters.
import type { LettersRow } from '../api/server'
import { Button } from '../components/button'
import { ListTable, useList } from '../components/list'
import { Page } from '../components/page'
import type { Column } from '../components/table'
import { Ago } from '../components/when'
import { count } from '../format/number'
import { go, href } from '../route'

const COLUMNS: Column<LettersRow>[] = [
  { label: 'Stream', sort: 'stream', cell: (row) => <a class="strong" href={href('letters', { stream: row.stream })}>{row.stream}</a> },
  { label: 'Letters', sort: 'length', align: 'end', cell: (row) => count(row.length) },
  { label: 'Oldest', sort: 'oldest', align: 'end', only: 'wide', cell: (row) => <Ago ms={row.oldestMs} /> },
  { label: 'Newest', sort: 'newest', align: 'end', cell: (row) => <Ago ms={row.newestMs} /> },
]

export function DeadLetters() {
  const list = useList<LettersRow>('dead-letters', { by: 'newest', order: 'desc' })
  return (
    <Page
      title="Dead letters"
      lead="What nobody could work on: look, edit, bring back, or throw away"
      actions={<Button icon="jobs" onClick={() => go(href('jobs'))}>Jobs</Button>}
    >
      <ListTable
        list={list}
        noun="stream"
        caption="Streams of dead letters"
        columns={COLUMNS}
        rowKey={(row) => row.stream}
        empty="Entries come here when they were delivered too often, or when somebody moves them."
      />
    </Page>
  )
}
