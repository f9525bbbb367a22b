/** What is suspicious of the sizes of masks, those of targets beside each other and beside the predicted ones. */
import { placeOf } from '../../input/layers.ts'
import type { Canvas } from '../../input/canvas.ts'
import type { LayerTensors } from '../../input/layers.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'
import type { ImagePlanes } from './planes.ts'

type Size = readonly [height: number, width: number]

/** By which share the proportions of a prediction may differ from those of the canvas turned on its side, as where sides are rounded. */
const PROPORTION_SLACK = 0.15

/** By which they may differ from the canvas itself without a word, whatever the rounding. */
const CANVAS_SLACK = 0.02

/** The planes of layers: logits, or features of the pixels, height and width being the last axes. */
const PLACES = [placeOf('masks'), placeOf('maskFeatures')]

/** Whether a layer has masks, or factors of them. */
export const hasMasks = ({ values }: LayerTensors): boolean => PLACES.some((place) => values[place] !== undefined)

/** The predicted masks of a layer, and how large they are. */
interface Prediction {
  readonly argument: string
  readonly size: Size
}

function predictionOf({ name, axes, values }: LayerTensors): Prediction {
  const place = PLACES.find((at) => values[at] !== undefined) as number
  const [height, width] = (axes?.[place] ?? []).slice(-2) as [number, number]
  return { argument: `${name}.${place === PLACES[0] ? 'masks' : 'maskFeatures'}`, size: [height, width] }
}

/** The greatest height and width, which are the canvas unless another is given. */
function greatest(masks: readonly ImagePlanes[]): Size {
  const most = (sizes: readonly number[]) => sizes.reduce((a, b) => Math.max(a, b), 0)
  return [most(masks.map(({ height }) => height)), most(masks.map(({ width }) => width))]
}

/** The images that say a size. */
function sizesOf(masks: readonly ImagePlanes[]): ReadonlyArray<{ readonly image: number; readonly size: Size }> {
  return masks.flatMap(({ height, width }, image) => (height * width > 0 ? [{ image, size: [height, width] }] : []))
}

const atImage = (image: number, example: Finding['example']) => {
  return { argument: `targets[${image}].masks`, place: { image }, example }
}

const show = ([height, width]: Size): string => `${height} × ${width}`

/** Images of different sizes lie on one canvas, which matters where the samples are of the canvas, and nobody has said which. */
export function inspectSizes(
  masks: readonly ImagePlanes[],
  given: Canvas | undefined,
  { masks: { lossSampling } }: ResolvedOptions,
): Finding[] {
  if (given !== undefined) return []
  const canvas = greatest(masks)
  const tally = new Tally()
  for (const { image, size } of sizesOf(masks)) {
    tally.add(size[0] < canvas[0] || size[1] < canvas[1], () => atImage(image, size))
  }
  const samples = lossSampling === 'canvas' ? 'pixels' : 'points'
  return tally.finding(
    'mask-sizes',
    'note',
    `Masks are smaller than the canvas of the batch, ${show(canvas)} pixels, at whose upper left they lie; what is beside them counts as background, and ${samples} of it are samples. So predictions must be of images padded alike, at the right and below.`,
  )
}

/**
 * Height and width exchanged, in predictions or in the masks of some images; masks of the predictions' size; and predictions of other
 * proportions than the canvas. `tensors`: those with masks.
 */
export function inspectMaskSizes(
  tensors: readonly LayerTensors[],
  masks: readonly ImagePlanes[],
  given: Canvas | undefined,
): Finding[] {
  const canvas = given ?? greatest(masks)
  if (canvas[0] * canvas[1] === 0) return []
  const predictions = tensors.map(predictionOf)
  const exchanged = [...inspectExchanged(predictions, canvas), ...inspectImages(predictions, masks, canvas)]
  return [
    ...exchanged,
    ...inspectResized(predictions, masks),
    ...(exchanged.length === 0 ? inspectProportions(predictions, canvas) : []),
  ]
}

/** By how much the logarithms of proportions differ. */
const differenceOf = (one: Size, other: Size): number => Math.abs(Math.log((one[0] / one[1]) * (other[1] / other[0])))

const isNear = (one: Size, other: Size): boolean => differenceOf(one, other) <= PROPORTION_SLACK

const turned = ([height, width]: Size): Size => [width, height]

const isSame = (one: Size, other: Size): boolean => one[0] === other[0] && one[1] === other[1]

function inspectExchanged(predictions: readonly Prediction[], canvas: Size): Finding[] {
  const tally = new Tally()
  for (const { argument, size } of predictions) {
    tally.add(!isNear(size, canvas) && isNear(size, turned(canvas)), () => ({ argument, place: {}, example: size }))
  }
  return tally.finding(
    'transposed-masks',
    'warning',
    `Predicted masks have the proportions of the targets' canvas, ${show(canvas)} pixels, with height and width exchanged. Both are height before width: transpose one of them.`,
  )
}

/**
 * Images whose size is that of another with height and width exchanged. Upright and broad pictures are often in one batch; but then the
 * predictions have the proportions of the canvas, which has room for both, and not those of one of them.
 */
function inspectImages(predictions: readonly Prediction[], masks: readonly ImagePlanes[], canvas: Size): Finding[] {
  const isFit = (size: Size) => {
    return predictions.some((prediction) => isNear(prediction.size, size) && !isNear(prediction.size, canvas))
  }
  const sizes = sizesOf(masks)
  const otherOf = (own: Size) => sizes.find(({ size }) => isSame(size, turned(own)) && isFit(size))
  const tally = new Tally()
  for (const { image, size } of sizes)
    tally.add(!isFit(size) && otherOf(size) !== undefined, () => atImage(image, size))
  const found = sizes.find(({ image }) => image === tally.first?.place.image)
  const other = found && otherOf(found.size)
  if (found === undefined || other === undefined) return []
  const [first, second] = [found, other].toSorted((a, b) => a.image - b.image) as [typeof found, typeof found]
  return tally.finding(
    'transposed-masks',
    'warning',
    `Target masks of image ${first.image} are ${show(first.size)}, those of image ${second.image} are ${show(second.size)}: are height and width exchanged? Predictions have the proportions of image ${other.image}. Height comes before width: transpose the masks of image ${found.image}, and look at others of its size.`,
  )
}

/** Images whose masks are just as large as the predictions, beside larger ones. */
function inspectResized(predictions: readonly Prediction[], masks: readonly ImagePlanes[]): Finding[] {
  const sizes = sizesOf(masks)
  const isPredicted = (own: Size) => predictions.some(({ size }) => isSame(size, own))
  const hasLarger = (own: Size) => sizes.some(({ size }) => size[0] > own[0] && size[1] > own[1])
  const tally = new Tally()
  for (const { image, size } of sizes) tally.add(isPredicted(size) && hasLarger(size), () => atImage(image, size))
  return tally.finding(
    'prediction-sized-masks',
    'warning',
    `Target masks of some images have the predictions' size, those of others are larger, so that the former cover only a corner of the canvas. Were they resized to the predictions? Give them at the image's size, as the others: the criterion compares both sizes itself.`,
  )
}

/** Predictions of other proportions than the canvas, by more than a pixel of them. */
function inspectProportions(predictions: readonly Prediction[], canvas: Size): Finding[] {
  const tally = new Tally()
  for (const { argument, size } of predictions) {
    const isOther = differenceOf(size, canvas) > CANVAS_SLACK && !isRounded(size, canvas)
    tally.add(isOther, () => ({ argument, place: {}, example: size }))
  }
  return tally.finding(
    'canvas-proportions',
    'note',
    `Predicted masks have other proportions than the canvas of the batch, ${show(canvas)} pixels, which they are laid over. The canvas is what the network's input was padded or resized to: were the masks of the targets padded or resized, too? Give them at the input's size, or that size to the call: maskCanvas: [height, width].`,
  )
}

/** Whether there is a number by which both sides of a canvas may be divided to give those of a prediction, to a pixel. */
function isRounded(prediction: Size, canvas: Size): boolean {
  const least = Math.max(...canvas.map((side, i) => side / ((prediction[i] as number) + 1)))
  const most = Math.min(...canvas.map((side, i) => side / ((prediction[i] as number) - 1)))
  return least <= most
}
