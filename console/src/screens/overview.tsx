// How everything is, at a glance: what is not well, the numbers, and how they have been.
import { overview, problem, samples } from '../api/overview'
import type { Finding, Overview as Told, Sample } from '../api/types'
import { Chart, type Series } from '../components/chart'
import { Icon } from '../components/icon'
import { Skeleton, Trouble } from '../components/notice'
import { Page } from '../components/page'
import { Tile } from '../components/tile'
import { Ago } from '../components/when'
import { brief, bytes, count, rate, several } from '../format/number'
import { duration } from '../format/time'
import { href } from '../route'
import { screenAt } from '../screens'

export function Overview() {
  const told = overview.value
  return (
    <Page title="Overview" lead={told && <Lead told={told} />}>
      {problem.value && <Trouble problem={problem.value} />}
      {told ? (
        <>
          <Health findings={told.health} />
          <Numbers told={told} />
          <Charts />
        </>
      ) : (
        !problem.value && <Skeleton rows={8} />
      )}
    </Page>
  )
}

function Lead({ told }: { told: Told }) {
  const { nodes, uptimeS } = told.backend
  const parts = [
    nodes > 1 ? several(nodes, 'node') : null,
    uptimeS === null ? null : `up for ${duration(uptimeS * 1000)}`,
  ]
  return <>{parts.filter(Boolean).join(', ')}</>
}

function Health({ findings }: { findings: Finding[] }) {
  return (
    <ul class="health" aria-label="Health">
      {findings.map((finding) => (
        <li class={`finding ${finding.level}`} key={finding.text}>
          <Icon name={finding.level} />
          <span>{finding.text}</span>
          <FindingLink finding={finding} />
        </li>
      ))}
    </ul>
  )
}

function FindingLink({ finding }: { finding: Finding }) {
  if (!finding.link || !screenAt(finding.link.screen)) return null
  const { screen, ...query } = finding.link
  return <a href={href(screen, query)}>Look</a>
}

function Numbers({ told }: { told: Told }) {
  const { rates, memory, disk, connections, streams, pubsub, gateway } = told
  const fill = memory.limitBytes ? ` of ${bytes(memory.limitBytes)}` : ''
  return (
    <div class="tiles">
      <Tile
        label="Commands / s"
        value={rate(rates.commandsPerS)}
        more={`${bytes(rates.inBytesPerS)}/s in, ${bytes(rates.outBytesPerS)}/s out`}
      />
      <Tile
        label="Appended / s"
        value={rate(rates.appendedPerS)}
        more={streams && `${brief(streams.entries)} entries in ${several(streams.count, 'stream')}`}
        to={href('streams', { sort: 'rate', order: 'desc' })}
      />
      <Tile
        label="Lag"
        value={brief(streams?.lag)}
        more={streams && lagText(streams.groups, streams.lagUnknown)}
        to={href('groups', { sort: 'lag', order: 'desc' })}
      />
      <Tile
        label="Pending"
        value={brief(streams?.pending)}
        more="delivered, not acknowledged"
        to={href('groups', { sort: 'pending', order: 'desc' })}
      />
      <Tile
        label="Dead letters"
        value={brief(streams?.deadLetters)}
        more={streams?.deadLetters ? 'wait for a decision' : 'none wait'}
        level={streams?.deadLetters ? 'warn' : undefined}
        to={href('dead-letters')}
      />
      <Tile
        label="Connections"
        value={count(connections.clients)}
        more={`${count(connections.blocked)} blocked, ${count(connections.pubsub)} listening`}
        to={href('clients')}
      />
      <Tile
        label="Gateway sockets"
        value={count(gateway.sockets)}
        more={`${several(gateway.users, 'user')}, ${brief(gateway.delivered)} delivered`}
        to={href('gateway')}
      />
      <Tile
        label="Channels"
        value={count(pubsub.channels)}
        more={`and ${several(pubsub.patterns ?? 0, 'pattern')}`}
        to={href('channels')}
      />
      <Tile
        label="Memory"
        value={bytes(memory.usedBytes)}
        more={memory.peakBytes === null ? fill : `${fill} peak ${bytes(memory.peakBytes)}`}
      />
      <Tile label="Disk" value={bytes(disk.bytes)} more={<Saved ms={disk.lastSaveMs} />} />
    </div>
  )
}

function lagText(groups: number, unknown: number): string {
  return unknown > 0 ? `${count(unknown)} of ${several(groups, 'group')} unknown` : `in ${several(groups, 'group')}`
}

function Saved({ ms }: { ms: number | null }) {
  return ms === null ? <>not saved yet</> : <>checkpoint <Ago ms={ms} /></>
}

function Charts() {
  const all = samples.value
  const times = all.map((sample) => sample.atMs)
  const line = (label: string, of: keyof Sample, colour: Series['colour']): Series => ({
    label, colour, values: all.map((sample) => sample[of]),
  })
  return (
    <div class="charts">
      <Chart
        title="A second"
        times={times}
        format={rate}
        series={[line('commands', 'commandsPerS', 'accent'), line('appended', 'appendedPerS', 'second')]}
      />
      <Chart
        title="Waiting"
        times={times}
        format={brief}
        series={[
          line('lag', 'lag', 'accent'),
          line('pending', 'pending', 'second'),
          line('dead', 'deadLetters', 'bad'),
        ]}
      />
      <Chart
        title="Connections"
        times={times}
        format={brief}
        series={[line('clients', 'clients', 'accent'), line('sockets', 'sockets', 'second')]}
      />
      <Chart title="Memory" times={times} format={bytes} series={[line('used', 'usedBytes', 'accent')]} />
    </div>
  )
}
