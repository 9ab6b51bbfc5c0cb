// Names and what belongs to them, side by side.
import type { ComponentChildren } from 'preact'

export function Facts({ items }: { items: (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {items.map(([name, value]) => (
        <div class="fact" key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
