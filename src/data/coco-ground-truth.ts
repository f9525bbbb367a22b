/** What COCO's evaluation is to read of an image's annotations. */
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import { BOX_SIZE } from '../terms/boxes.ts'
import type { CocoId, ReadAnnotation } from './coco-dataset.ts'

/** All that is annotated in an image, as COCO's evaluation reads it. */
export interface CocoGroundTruth {
  /** The image. */
  readonly id: CocoId
  /** `[n · 4]`: left, top, width and height in pixels, as annotated: neither clamped nor dropped. */
  readonly boxes: Float64Array
  /** `[n]`: classes. */
  readonly labels: Int32Array
  /** `[n]`: 1 for crowds. */
  readonly ignore: Uint8Array
  /** `[n]`: the annotated area, by which COCO's evaluation tells small from large. */
  readonly areas: Float64Array
  /** What the four numbers of a box are. */
  readonly boxFormat: 'xywh'
}

const PlainGroundTruth = constructorOf<CocoGroundTruth, [CocoId, Float64Array, Int32Array, Uint8Array, Float64Array]>(
  function (id, boxes, labels, ignore, areas) {
    this.id = id
    this.boxes = boxes
    this.labels = labels
    this.ignore = ignore
    this.areas = areas
    this.boxFormat = 'xywh'
  },
  WITH_JSON,
)

/** All annotations of an image, as they are. */
export function groundTruthOf(
  annotations: readonly ReadAnnotation[],
  id: CocoId,
  labelOf: ReadonlyMap<CocoId, number>,
): CocoGroundTruth {
  const count = annotations.length
  const [boxes, areas] = [new Float64Array(BOX_SIZE * count), new Float64Array(count)]
  const [labels, ignore] = [new Int32Array(count), new Uint8Array(count)]
  for (let i = 0; i < count; i++) {
    const { box, area, categoryId, isCrowd } = annotations[i] as ReadAnnotation
    boxes.set(box, BOX_SIZE * i)
    areas[i] = area
    labels[i] = labelOf.get(categoryId) as number
    ignore[i] = Number(isCrowd)
  }
  return new PlainGroundTruth(id, boxes, labels, ignore, areas)
}
