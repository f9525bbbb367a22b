/** The playground: reads the link or the first scene, and has every view show it. */
import { binding } from 'hungarian-loss'
import { find, write } from './dom.ts'
import { BadLink } from './hash.ts'
import { complaintOf, followLink, readLink } from './link.ts'
import { FIRST_SCENE } from './scenes.ts'
import { Store } from './store.ts'
import { startTheme } from './theme.ts'
import { showCanvas } from './view/canvas.ts'
import { showCurve } from './view/curve.ts'
import { showExplanation } from './view/explanation.ts'
import { holdBoxes } from './view/hold.ts'
import { showInspector } from './view/inspector.ts'
import { showMatrix } from './view/matrix.ts'
import { showScores } from './view/scores.ts'
import { showTerms } from './view/terms.ts'
import { showToolbar, stateOf } from './view/toolbar.ts'
import { showWeights } from './view/weights.ts'

/** How long a notice stays, in milliseconds. */
const NOTICE = 5000

let due: ReturnType<typeof setTimeout> | undefined
function tell(text: string): void {
  const notice = find('notice')
  write(notice, text)
  notice.hidden = false
  clearTimeout(due)
  due = setTimeout(() => (notice.hidden = true), NOTICE)
}

startTheme()
const { kind, simd, version } = binding()
write(
  find('core'),
  `Computed in this page by hungarian-loss ${version}, ${kind === 'wasm' ? 'WebAssembly' : kind} with ${simd}.`,
)
const link = readLink()
if (link instanceof BadLink) tell(complaintOf(link))
const store = new Store(link === undefined || link instanceof BadLink ? stateOf(FIRST_SCENE, 'detr') : link)
store.look({ selected: { side: 'query', index: 0 } })
showToolbar(store, tell)
showCanvas(store)
holdBoxes(store)
showTerms(store)
showMatrix(store)
showScores(store)
showInspector(store)
showWeights(store)
showCurve(store)
showExplanation(store)
followLink(store, tell)
document.documentElement.dataset.ready = ''
