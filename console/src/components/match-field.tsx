// A search whose text stands in the address of the page, as `match`.
import { useEffect, useRef, useState } from 'preact/hooks'
import { alter, asked } from '../route'
import { SearchField } from './field'

const TYPING_MS = 250

/** A field that searches when typing pauses, since each search is a request. */
export function MatchField(props: { label: string; placeholder?: string }) {
  const match = asked('match')
  const [text, setText] = useState(match)
  const told = useRef(match)
  useEffect(() => {
    // The address was changed by somebody else, such as a link.
    if (match === told.current) return
    told.current = match
    setText(match)
  }, [match])
  useEffect(() => {
    if (text === told.current) return
    const timer = window.setTimeout(() => {
      told.current = text
      alter({ match: text, offset: null })
    }, TYPING_MS)
    return () => window.clearTimeout(timer)
  }, [text])
  return <SearchField {...props} value={text} onInput={setText} />
}
