/** Detections and targets of all images, one image after the other, as the core takes them, in memory that grows. */

/** Entries that memory is made for at first. */
const FIRST = 256

type Numbers = Float64Array | Int32Array | Uint8Array | Uint32Array

/** The same values with room for `length` in all, and for more, so that memory is seldom made anew. */
function grown<Data extends Numbers>(data: Data, length: number): Data {
  if (length <= data.length) return data
  const Type = data.constructor as new (length: number) => Data
  const larger = new Type(Math.max(length, 2 * data.length))
  larger.set(data)
  return larger
}

/** The detections of all images. */
export class PackedDetections {
  count = 0
  /** `[n, 4]`: left, top, width and height. */
  boxes = new Float64Array(4 * FIRST)
  scores = new Float64Array(FIRST)
  labels = new Int32Array(FIRST)

  /** Makes room for so many more. */
  reserve(more: number): void {
    const length = this.count + more
    this.boxes = grown(this.boxes, 4 * length)
    this.scores = grown(this.scores, length)
    this.labels = grown(this.labels, length)
  }
}

/** The targets of all images. */
export class PackedTargets {
  count = 0
  /** `[n, 4]`: left, top, width and height. */
  boxes = new Float64Array(4 * FIRST)
  areas = new Float64Array(FIRST)
  labels = new Int32Array(FIRST)
  /** 1 for what is to be ignored. */
  crowds = new Uint8Array(FIRST)

  /** Makes room for so many more. */
  reserve(more: number): void {
    const length = this.count + more
    this.boxes = grown(this.boxes, 4 * length)
    this.areas = grown(this.areas, length)
    this.labels = grown(this.labels, length)
    this.crowds = grown(this.crowds, length)
  }
}

/** All images. What is written behind the last one is none until it is taken in. */
export class PackedImages {
  count = 0
  readonly detections = new PackedDetections()
  readonly targets = new PackedTargets()
  /** Where the entries of each image begin, and behind the last one all end. */
  detectionOffsets = new Uint32Array(FIRST + 1)
  targetOffsets = new Uint32Array(FIRST + 1)

  /** Takes in what has been written of one more image. */
  takeIn(detections: number, targets: number): void {
    this.detectionOffsets = grown(this.detectionOffsets, this.count + 2)
    this.targetOffsets = grown(this.targetOffsets, this.count + 2)
    this.count++
    this.detections.count += detections
    this.targets.count += targets
    this.detectionOffsets[this.count] = this.detections.count
    this.targetOffsets[this.count] = this.targets.count
  }

  /** Forgets all but the first images. */
  cutTo(images: number): void {
    this.count = images
    this.detections.count = this.detectionOffsets[images] as number
    this.targets.count = this.targetOffsets[images] as number
  }
}
