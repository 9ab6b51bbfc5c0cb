// A table: columns that can sort, rows that can be chosen and opened. Wide ones scroll within their box.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from './button'
import { Icon } from './icon'

export interface Column<T> {
  label: string
  cell: (row: T) => ComponentChildren
  /** What the server calls the order by this column; without it, one cannot sort by it. */
  sort?: string
  /** Numbers stand at the end. */
  align?: 'start' | 'end'
  /** `wide`: left out on a phone. */
  only?: 'wide'
}

export interface Sort {
  by: string
  order: 'asc' | 'desc'
}

/** The rows that are chosen, by their keys. */
export interface Selection {
  chosen: ReadonlySet<string>
  change: (chosen: ReadonlySet<string>) => void
}

export interface TableProps<T> {
  /** What readers of screens hear. */
  caption: string
  columns: Column<T>[]
  rows: T[]
  rowKey: (row: T) => string
  sort?: Sort
  onSort?: (sort: Sort) => void
  selection?: Selection
  /** What a row shows below itself when it is opened. */
  detail?: (row: T) => ComponentChildren
}

export function Table<T>(props: TableProps<T>) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set())
  const toggle = (key: string) => setOpened(toggled(opened, key))
  const keys = props.rows.map(props.rowKey)
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={props.caption}>
      <table class="table">
        <caption class="hidden">{props.caption}</caption>
        <thead>
          <tr>
            {props.detail && <th class="narrow"><span class="hidden">Details</span></th>}
            {props.selection && <ChooseAll keys={keys} selection={props.selection} />}
            {props.columns.map((column) => (
              <Head key={column.label} column={column} sort={props.sort} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row, at) => (
            <Row
              key={keys[at]}
              id={keys[at] ?? ''}
              row={row}
              of={props}
              isOpen={opened.has(keys[at] ?? '')}
              toggle={toggle}
            />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Head<T>(props: { column: Column<T>; sort?: Sort; onSort?: (sort: Sort) => void }) {
  const { column, sort, onSort } = props
  const by = column.sort
  const isSorted = by !== undefined && sort?.by === by
  const turned = isSorted ? (sort.order === 'asc' ? 'desc' : 'asc') : column.align === 'end' ? 'desc' : 'asc'
  return (
    <th
      scope="col"
      class={classOf(column)}
      aria-sort={isSorted ? (sort.order === 'asc' ? 'ascending' : 'descending') : undefined}
    >
      {by !== undefined && onSort ? (
        <button type="button" class="sort" onClick={() => onSort({ by, order: turned })}>
          {column.label}
          <span class={isSorted ? 'sort-mark' : 'sort-mark off'}>
            <Icon name={(isSorted ? sort.order : turned) === 'asc' ? 'up' : 'down'} />
          </span>
        </button>
      ) : (
        column.label
      )}
    </th>
  )
}

function Row<T>(props: {
  id: string
  row: T
  of: TableProps<T>
  isOpen: boolean
  toggle: (key: string) => void
}) {
  const { id, row, of, isOpen, toggle } = props
  const width = of.columns.length + (of.selection ? 1 : 0) + 1
  return (
    <>
      <tr class={isOpen ? 'opened' : undefined}>
        {of.detail && (
          <td class="narrow">
            <button
              type="button"
              class={isOpen ? 'opener open' : 'opener'}
              aria-expanded={isOpen}
              aria-label={`Details of ${id}`}
              onClick={() => toggle(id)}
            >
              <Icon name="next" />
            </button>
          </td>
        )}
        {of.selection && <Choose id={id} selection={of.selection} />}
        {of.columns.map((column) => (
          <td key={column.label} class={classOf(column)}>{column.cell(row)}</td>
        ))}
      </tr>
      {isOpen && of.detail && (
        <tr class="detail"><td colSpan={width}>{of.detail(row)}</td></tr>
      )}
    </>
  )
}

function Choose({ id, selection }: { id: string; selection: Selection }) {
  return (
    <td class="narrow">
      <input
        type="checkbox"
        aria-label={`Choose ${id}`}
        checked={selection.chosen.has(id)}
        onChange={() => selection.change(toggled(selection.chosen, id))}
      />
    </td>
  )
}

function ChooseAll({ keys, selection }: { keys: string[]; selection: Selection }) {
  const all = keys.length > 0 && keys.every((key) => selection.chosen.has(key))
  return (
    <th class="narrow">
      <input
        type="checkbox"
        aria-label="Choose all that are shown"
        checked={all}
        onChange={() => selection.change(all ? new Set() : new Set(keys))}
      />
    </th>
  )
}

/** What is above a table whose rows are chosen: how many, and what to do with them. */
export function SelectionBar(props: { selection: Selection; children: ComponentChildren }) {
  const size = props.selection.chosen.size
  if (size === 0) return null
  return (
    <div class="selection-bar" role="toolbar" aria-label="What is chosen">
      <span class="selection-count">{size} chosen</span>
      {props.children}
      <Button look="quiet" onClick={() => props.selection.change(new Set())}>Clear</Button>
    </div>
  )
}

function toggled(set: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(set)
  if (!next.delete(key)) next.add(key)
  return next
}

function classOf<T>(column: Column<T>): string | undefined {
  const classes = [column.align === 'end' && 'end', column.only === 'wide' && 'wide-only']
  return classes.filter(Boolean).join(' ') || undefined
}
