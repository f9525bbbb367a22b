/** What is measured of masks: inputs of three criteria, in the sizes of their published models. */
import { makeMaskInputs } from './inputs.js'

/**
 * @typedef {object} Section
 * @property {string} title
 * @property {string} kind the criterion
 * @property {Case[]} cases
 *
 * @typedef {{ family: string, size: string, setting: Omit<import('./inputs.js').Setting, 'seed'> }} Case
 */

/** Those that a quick run takes come first. */
const SECTIONS = [
  {
    title: 'Matching of masks (Mask2Former)',
    criterion: 'mask2Former',
    common: { queries: 100, classes: 81, targets: 20, plane: [256, 256], canvas: [1024, 1024] },
    changes: [{ images: 1 }, { images: 2 }],
  },
  {
    title: 'Loss of whole masks (DETR)',
    criterion: 'detrMasks',
    common: { queries: 100, classes: 92, targets: 15, plane: [64, 64], canvas: [256, 256] },
    changes: [{ images: 1 }, { images: 2 }],
  },
  {
    title: 'Step with masks as factors (RF-DETR-Seg)',
    criterion: 'rfDetrSeg',
    common: { images: 2, queries: 300, classes: 91, targets: 7, plane: [108, 108], canvas: [432, 432], channels: 256 },
    changes: [{ layers: 1 }, { layers: 4 }],
  },
]

/** How many cases of a section a quick run takes. */
const QUICK = 1

/**
 * @param {{ quick: boolean, kind?: string }} choice
 * @returns {Section[]}
 */
export function maskSections({ quick, kind }) {
  return SECTIONS.filter(({ criterion }) => kind === undefined || criterion === kind).map(
    ({ title, criterion, common, changes }) => ({
      title,
      kind: criterion,
      cases: changes.slice(0, quick ? QUICK : undefined).map((change) => caseOf({ criterion, ...common, ...change })),
    }),
  )
}

/** The criteria by name. */
export const KINDS = SECTIONS.map(({ criterion }) => criterion)

function caseOf(setting) {
  const { images, queries, targets, plane, canvas, layers = 1 } = setting
  const shape = [images, queries, ...plane].join('×')
  const size = `${shape}${layers > 1 ? `, ${layers} layers` : ''}, ${targets} targets of ${canvas.join('×')}`
  return { family: setting.criterion, size, setting }
}

/**
 * The same inputs for the same seed.
 * @param {Case} of
 * @param {number} seed
 */
export function inputsOf({ setting }, seed) {
  return makeMaskInputs({ ...setting, seed })
}
