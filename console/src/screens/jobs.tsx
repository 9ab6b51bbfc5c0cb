// What runs in the background, and how far it is.
import { get, post } from '../api/client'
import { useResource } from '../api/resource'
import type { Job } from '../api/server'
import type { Level } from '../api/types'
import { Badge } from '../components/badge'
import { Button } from '../components/button'
import { LoadedTable } from '../components/loaded-table'
import { Empty } from '../components/notice'
import { Page } from '../components/page'
import type { Column } from '../components/table'
import { attempt } from '../components/toast'
import { Ago } from '../components/when'
import { count } from '../format/number'
import { href } from '../route'

const LEVELS: Record<Job['state'], Level | 'accent'> = { running: 'accent', done: 'ok', failed: 'bad', stopped: 'warn' }

const COLUMNS: Column<Job>[] = [
  { label: 'What', cell: (job) => <span class="name">{job.what} <Badge level={LEVELS[job.state]}>{job.state}</Badge></span> },
  { label: 'Stream', cell: (job) => <a href={href('letters', { stream: job.stream })}>{job.stream}</a> },
  { label: 'Progress', cell: (job) => <JobProgress job={job} /> },
  { label: 'By', only: 'wide', cell: (job) => job.by },
  { label: 'Begun', only: 'wide', align: 'end', cell: (job) => <Ago ms={job.startedMs} /> },
  { label: 'Stop', align: 'end', cell: (job) => <Stop job={job} /> },
]

export function Jobs() {
  const jobs = useResource('jobs', (signal) => get<{ items: Job[] }>('jobs', {}, signal), 1000)
  return (
    <Page title="Jobs" lead="They end with this gateway, and are forgotten then">
      <section class="panel">
        <LoadedTable
          of={jobs}
          empty={<Empty title="No job yet">Bringing dead letters back is one.</Empty>}
          caption="Jobs"
          columns={COLUMNS}
          rowKey={(job) => job.id}
        />
      </section>
    </Page>
  )
}

/** How far a job is. */
export function JobProgress({ job }: { job: Job }) {
  return (
    <div class="progress">
      <progress max={Math.max(job.total, 1)} value={job.total === 0 ? 1 : job.done} aria-label={`Progress of ${job.what} ${job.id}`} />
      <span>{`${count(job.done)} of ${count(job.total)}${job.state === 'running' ? '' : `, ${job.state}`}`}</span>
      {job.error && <span class="muted">{job.error}</span>}
    </div>
  )
}

function Stop({ job }: { job: Job }) {
  if (job.state !== 'running') return null
  return <Button look="danger" needs="operator" onClick={() => void stopJob(job.id)}>Stop</Button>
}

export async function stopJob(id: string): Promise<void> {
  await attempt(() => post('jobs/stop', { id }), () => 'It stops')
}
