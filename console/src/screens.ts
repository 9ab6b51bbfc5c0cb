// All screens: one row each, from which the navigation and the addresses follow.
import type { ComponentType } from 'preact'
import type { Role } from './api/types'
import type { IconName } from './components/icon'
import { Groups } from './screens/groups'
import { Group } from './screens/group'
import { Overview } from './screens/overview'
import { Streams } from './screens/streams'
import { Stream } from './screens/stream'

/** Parts of the navigation, in their order. */
export const SECTIONS = ['', 'Data', 'Live', 'Server'] as const

export interface Screen {
  /** Behind /console/. */
  path: string
  title: string
  icon: IconName
  /** Where the navigation shows it; `null`: nowhere, other screens lead there. */
  section: (typeof SECTIONS)[number] | null
  /** Which screen of the navigation it belongs to, if it is not there itself. */
  within?: string
  needs: Role
  view: ComponentType
}

export const SCREENS: Screen[] = [
  { path: '', title: 'Overview', icon: 'overview', section: '', needs: 'viewer', view: Overview },
  { path: 'streams', title: 'Streams', icon: 'streams', section: 'Data', needs: 'viewer', view: Streams },
  { path: 'stream', title: 'Stream', icon: 'streams', section: null, within: 'streams', needs: 'viewer', view: Stream },
  { path: 'groups', title: 'Groups', icon: 'groups', section: 'Data', needs: 'viewer', view: Groups },
  { path: 'group', title: 'Group', icon: 'groups', section: null, within: 'groups', needs: 'viewer', view: Group },
]

export function screenAt(path: string): Screen | undefined {
  return SCREENS.find((screen) => screen.path === path)
}
