// Light, dark, or as the system has it; kept in this browser.
import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'firth.theme'
const THEMES: Theme[] = ['system', 'light', 'dark']
const isDarkSystem = matchMedia('(prefers-color-scheme: dark)')

export const theme = signal<Theme>(kept())

/** Rises when colours change, for what draws them itself. */
export const colours = signal(0)

/** Goes on to the next theme. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system'
  localStorage.setItem(KEY, theme.value)
}

/** Puts the theme on the page, now and whenever it changes. */
export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value
    colours.value = colours.peek() + 1
  })
  isDarkSystem.addEventListener('change', () => (colours.value += 1))
}

function kept(): Theme {
  const theme = localStorage.getItem(KEY)
  return THEMES.find((one) => one === theme) ?? 'system'
}
