// The log-in: the server's password, or a token.
import { useState } from 'preact/hooks'
import { logIn } from '../api/client'
import { Problem } from '../api/problem'
import { session } from '../api/session'
import { Button } from '../components/button'
import { Choice, TextField } from '../components/field'
import { Note, sentence } from '../components/notice'
import { Brand } from '../layout/brand'

type Way = 'password' | 'token'

const NAMES = { password: 'Password', token: 'Token' }

export function LogIn() {
  const ways = session.value?.ways ?? []
  const [way, setWay] = useState<Way>(ways[0] ?? 'password')
  const [secret, setSecret] = useState('')
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      await logIn(way === 'password' ? { password: secret } : { token: secret })
    } catch (error) {
      setProblem(Problem.of(error))
    }
    setBusy(false)
  }
  return (
    <main class="alone">
      <form class="log-in" onSubmit={(event) => void submit(event)}>
        <Brand />
        <h1>Log in</h1>
        <p class="muted">{session.value?.backend}</p>
        {ways.length > 1 && (
          <Choice label="How" value={way} onChange={setWay} options={ways.map((way) => [way, NAMES[way]] as const)} />
        )}
        <TextField
          key={way}
          label={way === 'password' ? "The server's password" : 'A token (JWT) or an API key'}
          type="password"
          autocomplete="current-password"
          value={secret}
          onInput={setSecret}
          required
          autofocus
        />
        {problem && <Note level="bad">{sentence(problem)}</Note>}
        <Button type="submit" look="main" disabled={isBusy || secret === ''}>
          {isBusy ? 'Logging in\u2026' : 'Log in'}
        </Button>
      </form>
    </main>
  )
}
