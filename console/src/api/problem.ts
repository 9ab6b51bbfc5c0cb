// What went wrong, as the API says it.
import type { Role } from './types'

export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly needs: Role | null

  constructor(status: number, code: string, text: string, needs: Role | null = null) {
    super(text)
    this.status = status
    this.code = code
    this.needs = needs
  }

  static of(error: unknown): Problem {
    if (error instanceof Problem) return error
    return new Problem(0, 'unknown', error instanceof Error ? error.message : String(error))
  }
}
