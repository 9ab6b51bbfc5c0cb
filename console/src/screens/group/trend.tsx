// How far behind a group has been since the page was opened.
import { useEffect, useState } from 'preact/hooks'
import type { Group } from '../../api/types'
import { Chart } from '../../components/chart'
import { brief } from '../../format/number'

interface Point {
  atMs: number
  lag: number | null
  pending: number
}

const POINTS_MAX = 600

export function Trend({ told }: { told: Group }) {
  const [points, setPoints] = useState<Point[]>([])
  useEffect(() => {
    const point = { atMs: Date.now(), lag: told.lag, pending: told.pending }
    // One point makes no line: the first stands twice.
    const first = { ...point, atMs: point.atMs - 1000 }
    setPoints((before) => [...(before.length > 0 ? before.slice(1 - POINTS_MAX) : [first]), point])
  }, [told])
  return (
    <Chart
      title="Since the page was opened"
      times={points.map((point) => point.atMs)}
      format={brief}
      series={[
        { label: 'lag', colour: 'accent', values: points.map((point) => point.lag) },
        { label: 'pending', colour: 'second', values: points.map((point) => point.pending) },
      ]}
    />
  )
}
