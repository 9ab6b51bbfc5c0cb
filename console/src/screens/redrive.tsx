// Bringing letters back: first how many that would be, then a job whose progress is shown.
import { useState } from 'preact/hooks'
import { get, post } from '../api/client'
import { useResource } from '../api/resource'
import type { Job, Redriven } from '../api/server'
import { Button } from '../components/button'
import { FieldsLine } from '../components/decoder'
import { Dialog } from '../components/dialog'
import { TextField } from '../components/field'
import { Loaded, Note } from '../components/notice'
import { attempt } from '../components/toast'
import { several } from '../format/number'
import { JobProgress, stopJob } from './jobs'
import { meant, type Which } from './letters'

export function Redrive(props: { stream: string; which: Which; onClose: () => void }) {
  const { stream, onClose } = props
  const [job, setJob] = useState<string | null>(null)
  const [rate, setRate] = useState('')
  const [to, setTo] = useState('')
  const wish = { stream, ...meant(props.which), ...(to && { to }), ...(rate && { perSecond: Number(rate) }) }
  const dry = useResource(JSON.stringify(props.which), () => {
    return post<Redriven>('dead-letters/redrive', { stream, ...meant(props.which), dryRun: true })
  })
  const begin = async () => {
    const begun = await attempt(() => post<{ job: string }>('dead-letters/redrive', wish))
    if (begun) setJob(begun.job)
  }
  if (job !== null) return <Progress job={job} onClose={onClose} />
  const submission = { text: `Bring back ${several(dry.data?.count ?? 0, 'letter')}`, disabled: !dry.data?.count }
  return (
    <Dialog title="Bring letters back" onClose={onClose} onSubmit={() => void begin()} submit={submission} wide>
      <Loaded of={dry} rows={3}>
        {({ count, exhausted, sample }) => (
          <>
            <p>{several(count, 'letter')} would go back to where {count === 1 ? 'it was' : 'they were'}, and be worked on anew.</p>
            {exhausted > 0 && <Note level="warn">{several(exhausted, 'letter')} came back too often and would stay.</Note>}
            {sample.map((entry) => <FieldsLine key={entry.id} fields={entry.fields} />)}
          </>
        )}
      </Loaded>
      <div class="form-row">
        <TextField label="Letters a second" type="number" min={1} value={rate} onInput={setRate} placeholder="as fast as possible" />
        <TextField label="Into another stream" value={to} onInput={setTo} placeholder="where each was" mono />
      </div>
    </Dialog>
  )
}

function Progress({ job, onClose }: { job: string; onClose: () => void }) {
  const resource = useResource(job, (signal) => get<Job>('jobs/one', { id: job }, signal), 1000)
  const isRunning = resource.data?.state === 'running'
  const actions = (
    <>
      {isRunning && <Button look="danger" needs="operator" onClick={() => void stopJob(job)}>Stop</Button>}
      <Button look="main" onClick={onClose}>{isRunning ? 'Leave it running' : 'Close'}</Button>
    </>
  )
  return (
    <Dialog title="Letters come back" onClose={onClose} onSubmit={onClose} actions={actions}>
      <Loaded of={resource} rows={2}>{(told) => <JobProgress job={told} />}</Loaded>
    </Dialog>
  )
}
