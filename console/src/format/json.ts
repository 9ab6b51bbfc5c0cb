// JSON as it was written, only indented: numbers keep all their digits, members their order.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g

export type Token = { kind: 'name' | 'string' | 'number' | 'word' | 'mark'; text: string }

/** Indents a text that is JSON; `null` if it is not. */
export function indented(text: string): string | null {
  try {
    JSON.parse(text)
  } catch {
    return null
  }
  let out = ''
  let depth = 0
  let before = ''
  for (const [token] of text.matchAll(TOKEN)) {
    const isEnd = token === '}' || token === ']'
    if (isEnd) depth -= 1
    const isBreak = before === '{' || before === '[' || before === ',' || isEnd
    const isEmpty = isEnd && (before === '{' || before === '[')
    if (isBreak && !isEmpty && before !== '') out += `\n${'  '.repeat(depth)}`
    out += token === ':' ? ': ' : token
    if (token === '{' || token === '[') depth += 1
    before = token
  }
  return out
}

/** Cuts indented JSON into pieces that are coloured differently. What lies between them is space. */
export function pieces(text: string): (Token | string)[] {
  const found: (Token | string)[] = []
  let end = 0
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > end) found.push(text.slice(end, match.index))
    end = match.index + match[0].length
    found.push({ kind: kindOf(match[0], text[end]), text: match[0] })
  }
  return found
}

function kindOf(token: string, next: string | undefined): Token['kind'] {
  if (token.startsWith('"')) return next === ':' ? 'name' : 'string'
  if (/^[{}[\],:]$/.test(token)) return 'mark'
  return /^-?\d/.test(token) ? 'number' : 'word'
}
