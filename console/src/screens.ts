// All screens: one row each, from which the navigation and the addresses follow.
import type { ComponentType } from 'preact'
import type { Role } from './api/types'
import type { IconName } from './components/icon'
import { Audit } from './screens/audit'
import { Channel } from './screens/channel'
import { Channels } from './screens/channels'
import { DeadLetters } from './screens/dead-letters'
import { Events } from './screens/events'
import { Gateway } from './screens/gateway'
import { Groups } from './screens/groups'
import { Group } from './screens/group'
import { Jobs } from './screens/jobs'
import { Letters } from './screens/letters'
import { Overview } from './screens/overview'
import { Clients, Settings, SlowLog, Users } from './screens/server'
import { Streams } from './screens/streams'
import { Stream } from './screens/stream'
import { User } from './screens/user'

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
  { path: 'dead-letters', title: 'Dead letters', icon: 'letters', section: 'Data', needs: 'viewer', view: DeadLetters },
  { path: 'letters', title: 'Letters', icon: 'letters', section: null, within: 'dead-letters', needs: 'viewer', view: Letters },
  { path: 'events', title: 'Event store', icon: 'events', section: 'Data', needs: 'viewer', view: Events },
  { path: 'channels', title: 'Channels', icon: 'channels', section: 'Live', needs: 'viewer', view: Channels },
  { path: 'channel', title: 'Channel', icon: 'channels', section: null, within: 'channels', needs: 'viewer', view: Channel },
  { path: 'gateway', title: 'Gateway', icon: 'gateway', section: 'Live', needs: 'viewer', view: Gateway },
  { path: 'user', title: 'User', icon: 'gateway', section: null, within: 'gateway', needs: 'viewer', view: User },
  { path: 'jobs', title: 'Jobs', icon: 'jobs', section: 'Live', needs: 'viewer', view: Jobs },
  { path: 'clients', title: 'Clients', icon: 'clients', section: 'Server', needs: 'operator', view: Clients },
  { path: 'slow-log', title: 'Slow log', icon: 'slow', section: 'Server', needs: 'operator', view: SlowLog },
  { path: 'settings', title: 'Configuration', icon: 'settings', section: 'Server', needs: 'admin', view: Settings },
  { path: 'users', title: 'Users', icon: 'users', section: 'Server', needs: 'admin', view: Users },
  { path: 'audit', title: 'Audit log', icon: 'audit', section: 'Server', needs: 'admin', view: Audit },
]

export function screenAt(path: string): Screen | undefined {
  return SCREENS.find((screen) => screen.path === path)
}
