// A chart of numbers over time, and a line without axes for a cell of a table.
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { clockTime } from '../format/time'
import { colours } from '../theme'

export interface Series {
  label: string
  values: (number | null)[]
  colour: 'accent' | 'second' | 'warn' | 'bad' | 'good'
}

export interface ChartProps {
  title: string
  /** Unix milliseconds, rising. */
  times: number[]
  series: Series[]
  format: (value: number | null) => string
}

const HEIGHT = 150
const FONT = '11px system-ui, sans-serif'

/** Draws it anew when its data, its width or the colours change. */
export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const format = useRef(props.format)
  format.current = props.format
  const shape = props.series.map((series) => series.label + series.colour).join()

  useEffect(() => {
    const element = box.current
    if (!element) return
    const made = new uPlot(options(element, props.series, format), data(props), element)
    plot.current = made
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    watch.observe(element)
    return () => {
      watch.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [shape, colours.value])

  useEffect(() => plot.current?.setData(data(props)), [props.times, ...props.series.map((one) => one.values)])

  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{props.title}</span>
        <span class="chart-legend">
          {props.series.map((series) => (
            <span class="chart-key" key={series.label}>
              <i class={`swatch ${series.colour}`} />
              {series.label} <b>{props.format(series.values.at(-1) ?? null)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div class="chart-plot" ref={box} />
    </figure>
  )
}

function data({ times, series }: ChartProps): uPlot.AlignedData {
  return [times.map((ms) => ms / 1000), ...series.map((one) => one.values)]
}

function options(
  element: HTMLElement,
  series: Series[],
  format: { current: ChartProps['format'] },
): uPlot.Options {
  const muted = colour(element, '--muted')
  const grid = { stroke: colour(element, '--line'), width: 1 }
  const axis = { stroke: muted, font: FONT, grid, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { setScale: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.1, 1)] } },
    axes: [
      { ...axis, space: 70, size: 26, values: (_, splits) => splits.map((at) => clockTime(at * 1000)) },
      { ...axis, space: 30, size: 52, values: (_, splits) => splits.map((value) => format.current(value)) },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.label,
        stroke: colour(element, `--${one.colour}`),
        width: 1.5,
        points: { show: false },
        spanGaps: true,
      })),
    ],
    plugins: [pointer(format)],
  }
}

/** Says the values under the pointer. */
function pointer(format: { current: ChartProps['format'] }): uPlot.Plugin {
  const tip = document.createElement('div')
  tip.className = 'chart-tip'
  tip.hidden = true
  const say = (plot: uPlot) => {
    const at = plot.cursor.idx
    tip.hidden = at == null
    if (at == null) return
    const values = plot.series.slice(1).map((one, index) => {
      return `${String(one.label)}: ${format.current(plot.data[index + 1]?.[at] ?? null)}`
    })
    tip.textContent = [clockTime((plot.data[0][at] ?? 0) * 1000), ...values].join('\n')
    const left = plot.cursor.left ?? 0
    tip.classList.toggle('flipped', left > plot.over.clientWidth / 2)
    tip.style.left = `${left}px`
  }
  return { hooks: { init: (plot) => void plot.over.appendChild(tip), setCursor: say } }
}

/** What a variable of the style sheet is now. */
function colour(element: HTMLElement, name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  element.appendChild(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  return found
}

/** A line without axes. */
export function Spark({ values, label }: { values: (number | null)[]; label: string }) {
  const known = values.map((value) => value ?? 0)
  if (known.length < 2) return <span class="muted">{'\u2013'}</span>
  const top = Math.max(...known, 1)
  const step = 100 / (known.length - 1)
  const points = known.map((value, at) => `${(at * step).toFixed(1)},${(22 - (value / top) * 20).toFixed(1)}`)
  return (
    <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={label}>
      <polyline points={points.join(' ')} />
    </svg>
  )
}
