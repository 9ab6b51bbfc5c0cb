// What is done with pending entries at once. More than one: it is asked before.
import { post } from '../../api/client'
import type { Counted, Taken } from '../../api/types'
import { confirmed } from '../../components/question'
import { attempt } from '../../components/toast'
import { several } from '../../format/number'
import type { GroupName } from '../group'

/** Acknowledges entries; returns whether it was done. */
export async function acknowledge(of: GroupName, ids: string[]): Promise<boolean> {
  const what = several(ids.length, 'entry', 'entries')
  const text = 'They count as done: nobody in this group gets them again.'
  if (ids.length > 1 && !(await confirmed({ title: `Acknowledge ${what}`, text, action: 'Acknowledge' }))) return false
  const body = { ...of, ids }
  const done = await attempt(
    () => post<Counted>('ack', body),
    ({ count }) => `${several(count, 'entry', 'entries')} acknowledged`,
  )
  return done !== null
}

/** Lets others have entries at once; returns whether it was done. */
export async function handBack(of: GroupName, ids: string[]): Promise<boolean> {
  const what = several(ids.length, 'entry', 'entries')
  const text = 'The next consumer that claims idle entries takes them at once.'
  if (ids.length > 1 && !(await confirmed({ title: `Hand back ${what}`, text, action: 'Hand back' }))) return false
  const body = { ...of, ids }
  return (await attempt(() => post<Taken>('hand-back', body), (taken) => takenText(taken, 'handed back'))) !== null
}

/** Says what came of entries that were taken over. */
export function takenText({ ids, gone }: Taken, done: string): string {
  const rest = gone.length > 0 ? `, ${several(gone.length, 'was', 'were')} gone` : ''
  return `${several(ids.length, 'entry', 'entries')} ${done}${rest}`
}
