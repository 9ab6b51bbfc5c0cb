// A list that the server filters, sorts and cuts: what is asked stands in the address of the page.
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { address, get } from '../api/client'
import type { Query } from '../api/query'
import { useResource, type Resource } from '../api/resource'
import type { Page } from '../api/types'
import { brief, count, several } from '../format/number'
import { alter, asked } from '../route'
import { Button } from './button'
import { MatchField } from './match-field'
import { Empty, Loaded, Note } from './notice'
import { Table, type Sort, type TableProps } from './table'

const PAGE_ROWS = 50

export interface List<T> {
  resource: Resource<Page<T>>
  sort: Sort
  match: string
}

/** Reads a list as the address of the page asks, and again every `everyMs`. */
export function useList<T>(path: string, sort: Sort, query: Query = {}, everyMs = 5000): List<T> {
  const by = asked('sort') || sort.by
  const order = asked('order') ? (asked('order') === 'desc' ? 'desc' : 'asc') : sort.order
  const match = asked('match')
  const full = { ...query, limit: PAGE_ROWS, offset: asked('offset'), sort: by, order, match }
  const key = address(path, full)
  const resource = useResource<Page<T>>(key, (signal) => get(path, full, signal), everyMs)
  // While another page is loaded, the one before stays.
  const last = useRef<Page<T> | null>(null)
  if (resource.data) last.current = resource.data
  return { resource: { ...resource, data: resource.data ?? last.current }, sort: { by, order }, match }
}

/** Shows a list: a filter, the table, and the way to other pages. */
export function ListTable<T>(
  props: Omit<TableProps<T>, 'rows' | 'sort' | 'onSort'> & {
    list: List<T>
    /** What one of the rows is called. */
    noun: string
    /** What is said when there is none at all. */
    empty: ComponentChildren
    /** Stands beside the filter. */
    actions?: ComponentChildren
    filter?: 'shown' | 'none'
  },
) {
  const { list, noun, empty, actions, filter, ...table } = props
  const onSort = ({ by, order }: Sort) => alter({ sort: by, order, offset: null })
  return (
    <section class="panel">
      {(filter !== 'none' || actions) && (
        <div class="panel-head">
          {filter !== 'none' && <MatchField label="Filter by name" placeholder={`Filter ${noun}s: text, or a*b`} />}
          {actions && <div class="panel-actions">{actions}</div>}
        </div>
      )}
      <Loaded of={list.resource} rows={10}>
        {(page) => (
          <>
            {!page.complete && <Note level="warn">There are more than can be listed; the rest is left out.</Note>}
            {page.items.length > 0 && <Table {...table} rows={page.items} sort={list.sort} onSort={onSort} />}
            {page.items.length === 0 && list.match && <Empty title={`No ${noun} matches "${list.match}"`} />}
            {page.items.length === 0 && !list.match && <Empty title={`No ${noun} yet`}>{empty}</Empty>}
            <Paging total={page.total} offset={page.offset} rows={page.items.length} noun={noun} />
          </>
        )}
      </Loaded>
    </section>
  )
}

function Paging(props: { total: number; offset: number; rows: number; noun: string }) {
  const { total, offset, rows, noun } = props
  if (total === 0) return null
  const to = (offset: number) => alter({ offset: offset > 0 ? offset : null })
  return (
    <nav class="paging" aria-label="Pages">
      <span class="muted">
        {total <= PAGE_ROWS ? several(total, noun) : `${count(offset + 1)}\u2013${count(offset + rows)} of ${brief(total)}`}
      </span>
      {total > PAGE_ROWS && (
        <span class="paging-buttons">
          <Button icon="back" label="Page before" disabled={offset === 0} onClick={() => to(offset - PAGE_ROWS)} />
          <Button icon="next" label="Next page" disabled={offset + rows >= total} onClick={() => to(offset + PAGE_ROWS)} />
        </span>
      )}
    </nav>
  )
}
