// A screen: its heading with what can be done, and what it shows.
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'

export function Page(props: {
  title: string
  /** Where it belongs: links before the heading. */
  trail?: (readonly [string, string])[]
  lead?: ComponentChildren
  actions?: ComponentChildren
  children: ComponentChildren
}) {
  useEffect(() => {
    document.title = `${props.title} \u00b7 Firth`
  }, [props.title])
  return (
    <div class="page">
      <header class="page-head">
        <div class="page-title">
          {props.trail && (
            <nav class="trail" aria-label="Path">
              {props.trail.map(([text, to]) => <a key={to} href={to}>{text}</a>)}
            </nav>
          )}
          <h1>{props.title}</h1>
          {props.lead && <p class="lead">{props.lead}</p>}
        </div>
        {props.actions && <div class="page-actions">{props.actions}</div>}
      </header>
      {props.children}
    </div>
  )
}

/** A part of a screen with a heading of its own. */
export function Panel(props: { title: string; actions?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{props.title}</h2>
        {props.actions && <div class="panel-actions">{props.actions}</div>}
      </header>
      {props.children}
    </section>
  )
}
