// A button: plain, the main one of its place, quiet, or one that destroys something.
import type { ComponentChildren } from 'preact'
import { lacking } from '../api/session'
import type { Role } from '../api/types'
import { Icon, type IconName } from './icon'

export interface ButtonProps {
  children?: ComponentChildren
  onClick?: () => void
  look?: 'plain' | 'main' | 'quiet' | 'danger'
  icon?: IconName
  /** What it is called, if it shows no text. */
  label?: string
  type?: 'button' | 'submit'
  disabled?: boolean
  /** The role that it takes: without it, the button is off and says why. */
  needs?: Role
  pressed?: boolean
}

export function Button(props: ButtonProps) {
  const missing = props.needs && lacking(props.needs)
  return (
    <button
      type={props.type ?? 'button'}
      class={`button ${props.look ?? 'plain'} ${props.children ? '' : 'icon-only'}`}
      onClick={props.onClick}
      disabled={props.disabled || missing !== undefined}
      title={missing ?? props.label}
      aria-label={props.label}
      aria-pressed={props.pressed}
    >
      {props.icon && <Icon name={props.icon} />}
      {props.children}
    </button>
  )
}
