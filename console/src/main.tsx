// Begins the application.
import { render } from 'preact'
import 'uplot/dist/uPlot.min.css'
import './styles/colours.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/controls.css'
import './styles/table.css'
import './styles/content.css'
import './styles/live.css'
import { Application } from './application'
import { startClock } from './clock'
import { listen } from './route'
import { applyTheme } from './theme'

applyTheme()
listen()
startClock()
const root = document.getElementById('application')
if (root) render(<Application />, root)
