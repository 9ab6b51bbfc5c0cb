// Parts of a screen, one of which is shown; which one stands in the address of the page.
import { alter, asked } from '../route'

export interface Tab {
  name: string
  text: string
  count?: number
}

/** Returns the name of the tab that is shown: the first, unless the address says otherwise. */
export function useTab(tabs: readonly Tab[]): string {
  return tabs.find((tab) => tab.name === asked('tab'))?.name ?? tabs[0]?.name ?? ''
}

export function Tabs({ label, tabs }: { label: string; tabs: readonly Tab[] }) {
  const shown = useTab(tabs)
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <button
          type="button"
          key={tab.name}
          aria-current={tab.name === shown ? 'page' : undefined}
          onClick={() => alter({ tab: tab.name === tabs[0]?.name ? null : tab.name })}
        >
          {tab.text}
          {tab.count !== undefined && <span class="tab-count">{tab.count}</span>}
        </button>
      ))}
    </nav>
  )
}
