// The query of an address, of a resource as well as of a page.

export type Query = Record<string, string | number | boolean | null | undefined>

/** Returns an address with its query; members without a value are left out. */
export function withQuery(address: string, query: Query): string {
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') parts.set(name, String(value))
  }
  const text = parts.toString()
  return address + (text && `?${text}`)
}
