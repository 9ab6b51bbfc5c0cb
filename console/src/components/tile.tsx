// A number that matters, with what it is and a word more; a link if there is a place for it.
import type { ComponentChildren } from 'preact'
import type { Level } from '../api/types'

export function Tile(props: {
  label: string
  value: string
  more?: ComponentChildren
  level?: Level
  to?: string
}) {
  const content = (
    <>
      <span class="tile-label">{props.label}</span>
      <span class="tile-value">{props.value}</span>
      {props.more && <span class="tile-more">{props.more}</span>}
    </>
  )
  const name = `tile ${props.level ?? ''}`
  return props.to ? <a class={name} href={props.to}>{content}</a> : <div class={name}>{content}</div>
}
