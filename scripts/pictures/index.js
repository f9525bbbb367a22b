/** All pictures of the documents, by the names of their files. Their numbers are computed by the package. */
import { drawDuals } from './duals.js'
import { drawGiou } from './giou.js'
import { drawGradients } from './gradients.js'
import { drawMatching } from './matching.js'
import { drawParts } from './parts.js'
import { drawPath } from './path.js'
import { drawWeights } from './weights.js'

/** @returns {{ [file: string]: string }} SVG */
export function drawAll() {
  return {
    'duals.svg': drawDuals(),
    'giou.svg': drawGiou(),
    'gradients.svg': drawGradients(),
    'matching.svg': drawMatching(),
    'parts.svg': drawParts(),
    'path.svg': drawPath(),
    'weights.svg': drawWeights(),
  }
}
