// The whole page: the log-in, or the frame with the screen that the address names.
import { useEffect, useState } from 'preact/hooks'
import { Problem } from './api/problem'
import { readSession } from './api/client'
import { may, session } from './api/session'
import { Trouble } from './components/notice'
import { Questions } from './components/question'
import { Toasts } from './components/toast'
import { Frame } from './layout/frame'
import { place } from './route'
import { LogIn } from './screens/log-in'
import { Missing, Refused } from './screens/missing'
import { screenAt } from './screens'

export function Application() {
  return (
    <>
      <Inside />
      <Questions />
      <Toasts />
    </>
  )
}

function Inside() {
  const [problem, setProblem] = useState<Problem | null>(null)
  const begin = () => {
    setProblem(null)
    readSession().catch((error: unknown) => setProblem(Problem.of(error)))
  }
  useEffect(begin, [])
  if (problem) return <main class="alone"><Trouble problem={problem} retry={begin} /></main>
  if (session.value === null) return null
  if (session.value.role === null) return <LogIn />
  return <Frame><Screen /></Frame>
}

function Screen() {
  const { path } = place.value
  const screen = screenAt(path)
  if (!screen) return <Missing />
  if (!may(screen.needs)) return <Refused screen={screen} />
  // What a screen holds belongs to the stream, group or whatever else its address names.
  const query = place.value.query
  const key = [path, ...['stream', 'group', 'id', 'user'].map((name) => query.get(name) ?? '')].join('\n')
  return <screen.view key={key} />
}
