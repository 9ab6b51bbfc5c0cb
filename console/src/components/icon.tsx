// Icons: lines on a grid of 16 by 16, in the colour of the text.

const SHAPES = {
  overview: 'M2 9.5 5 6l3 3 3.5-5L14 7M2 13.5h12',
  streams: 'M2 4c2-1.7 4-1.7 6 0s4 1.7 6 0M2 8c2-1.7 4-1.7 6 0s4 1.7 6 0M2 12c2-1.7 4-1.7 6 0s4 1.7 6 0',
  groups: 'M8 2v4M8 6 3.5 10M8 6l4.5 4M8 6v4M2 10h3v3.5H2zM6.5 10h3v3.5h-3zM11 10h3v3.5h-3z',
  letters: 'M2 4h12v8.5H2zM2 4.5l6 4.5 6-4.5',
  events: 'M3.5 2v12M3.5 4H8M3.5 8h7M3.5 12H13',
  channels: 'M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3 13a7 7 0 0 1 0-10M13 3a7 7 0 0 1 0 10',
  gateway: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M2 8h12M8 2c2 1.7 2.6 3.6 2.6 6S10 12.3 8 14M8 2C6 3.7 5.4 5.6 5.4 8S6 12.3 8 14',
  clients: 'M2 3h12v7.5H2zM5.5 13.5h5M8 10.5v3',
  slow: 'M8 14.2a5.7 5.7 0 1 0 0-11.4 5.7 5.7 0 0 0 0 11.4M8 5.5v3l2 1.5M6.5 1.5h3',
  settings: 'M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 6a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3M5.5 13a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3',
  users: 'M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M1.5 13.5c.3-2.6 2-4 4.5-4s4.2 1.4 4.5 4M10.5 3.2a2.5 2.5 0 0 1 0 4.6M12 9.8c1.5.5 2.3 1.8 2.5 3.7',
  audit: 'M4 1.5h5.5L13 5v9.5H4zM9.5 1.5V5H13M6.5 8h4M6.5 11h4',
  jobs: 'M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 1.5V4.5h-3',
  menu: 'M2 4h12M2 8h12M2 12h12',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10M10.7 10.7 14 14',
  next: 'M6 3l5 5-5 5',
  back: 'M10 3 5 8l5 5',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  plus: 'M8 3v10M3 8h10',
  copy: 'M5.5 5.5h8v8h-8zM2.5 10.5v-8h8',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9.5h6.6l.7-9.5M6.7 7.5v4M9.3 7.5v4',
  play: 'M4.5 2.5v11l9-5.5z',
  pause: 'M5 3v10M11 3v10',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7',
  moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7',
  system: 'M2 3h12v8H2zM5.5 13.5h5',
  leave: 'M9.5 2.5H3v11h6.5M6.5 8H14M11 5l3 3-3 3',
  ok: 'M3 8.5 6.5 12 13 4.5',
  warn: 'M8 2 1.5 13.5h13zM8 6.5v3.5M8 12v.2',
  bad: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.8v4M8 11v.2',
  empty: 'M2 9.5 4 3h8l2 6.5v4H2zM2 9.5h3.5l1 2h3l1-2H14',
  reload: 'M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 1.5V4.5h-3',
} as const

export type IconName = keyof typeof SHAPES

/** An icon; readers of screens do not hear it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  )
}
