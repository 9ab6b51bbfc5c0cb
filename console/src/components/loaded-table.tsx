// A table of a resource that is a list in one piece.
import type { ComponentChildren } from 'preact'
import type { Resource } from '../api/resource'
import { Loaded } from './notice'
import { Table, type TableProps } from './table'

export function LoadedTable<T>(
  props: Omit<TableProps<T>, 'rows'> & {
    of: Resource<{ items: T[] }>
    /** What is shown when there is none. */
    empty: ComponentChildren
  },
) {
  const { of, empty, ...table } = props
  return <Loaded of={of}>{({ items }) => (items.length === 0 ? empty : <Table {...table} rows={items} />)}</Loaded>
}
