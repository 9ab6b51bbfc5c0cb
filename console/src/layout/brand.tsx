// The name and the sign.
import { href } from '../route'

export function Brand() {
  return (
    <a class="brand" href={href('')}>
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" />
        <path d="M7 11c3-3 6-3 9 0s6 3 9 0M7 17c3-3 6-3 9 0s6 3 9 0M7 23c3-3 6-3 9 0s6 3 9 0" />
      </svg>
      <span>Firth</span>
    </a>
  )
}
