// The way to a group.
import type { GroupRow } from '../api/types'
import { href } from '../route'

export function GroupLink({ row }: { row: GroupRow }) {
  return <a class="strong" href={href('group', { stream: row.stream, group: row.name })}>{row.name}</a>
}
