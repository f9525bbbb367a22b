/** Types of outputs and targets that hold tensors of TensorFlow.js. */
import type * as tfc from '@tensorflow/tfjs-core'
import type { LayerOutputs } from '../input/layers.ts'
import type { Outputs } from '../input/outputs.ts'
import type { QueryRange } from '../input/part.ts'
import type { DenoisingSettings, EncoderSettings, OneToManySettings } from '../input/parts.ts'
import type { Positives } from '../input/extras.ts'
import type { EmptyTarget, Target } from '../input/targets.ts'
import type { InPlaceOfBoxes, OtherField, SomeOf, WithoutBoxes } from '../terms/geometry.ts'
import type { LayerFields, TargetFields } from '../terms/index.ts'

/** The fields of {@link LayerOutputs} as float32 tensors of the same shapes. To `references` the loss passes no gradient. */
export type TensorFields = {
  readonly [Field in keyof LayerFields]: tfc.Tensor | Extract<LayerFields[Field], undefined>
}

/** One layer's predictions, and how it is matched. */
export interface TensorLayer extends TensorFields, Pick<LayerOutputs, 'matching' | 'cost'> {}

/** Several layers, either stacked in rank 4 or listed in `auxiliary`. */
export interface TensorLayers extends TensorLayer {
  /** Earlier layers, first to last. */
  readonly auxiliary?: readonly TensorLayer[] | undefined
}

/** The layers of a part that has tensors of its own. */
export interface TensorPart extends TensorLayers {
  /** Absent, since the part has tensors of its own. */
  readonly queries?: undefined
}

/** As {@link Outputs}, with tensors. */
export interface TensorOutputs extends TensorLayers, Pick<Outputs, 'groups'> {
  /** The proposals of a two-stage encoder. */
  readonly encoder?: (TensorLayers & EncoderSettings) | undefined
  /** Queries made from the targets with noise. */
  readonly denoising?: ((TensorPart | QueryRange) & DenoisingSettings) | undefined
  /** A branch whose targets are repeated. */
  readonly oneToMany?: ((TensorPart | QueryRange) & OneToManySettings) | undefined
}

/**
 * The fields of {@link Target}, as they are or as tensors: labels int32, or float32 of whole numbers; all others float32 or
 * int32, `visibility` also bool.
 */
export type TensorTargetFields = {
  readonly [Field in keyof TargetFields]: TargetFields[Field] | tfc.Tensor
}

/** As {@link Target}, of arrays, of tensors whose values are read, or of both. */
export interface TensorTarget
  extends TensorTargetFields, Omit<Target, keyof TargetFields | 'ignore' | 'columns' | 'weights'> {
  /** As a tensor bool, int32 or float32. */
  readonly ignore?: Target['ignore'] | tfc.Tensor
  /** As a tensor bool, int32 or float32. */
  readonly columns?: Target['columns'] | tfc.Tensor
  /** As a tensor float32 or int32. */
  readonly weights?: Target['weights'] | tfc.Tensor
}

/** As {@link MappedTarget}, likewise. `T` is the type with labels. */
export type TensorMappedTarget<T = TensorTarget> = Omit<T, 'labels' | 'positives'> & {
  readonly labels?: undefined
  /** As a tensor float32, int32 or bool. */
  readonly positives: Positives | tfc.Tensor
}

/** {@link TensorOutputs} of which no term reads boxes, such as those of spans alone. */
export type TensorOutputsWithoutBoxes = InPlaceOfBoxes<TensorLayers, OtherTensors> &
  Pick<Outputs, 'groups'> & {
    /** The proposals of a two-stage encoder. */
    readonly encoder?: (InPlaceOfBoxes<TensorLayers, OtherTensors> & EncoderSettings) | undefined
    /** Queries made from the targets with noise. */
    readonly denoising?: ((InPlaceOfBoxes<TensorPart, OtherTensors> | QueryRange) & DenoisingSettings) | undefined
    /** A branch whose targets are repeated. */
    readonly oneToMany?: ((InPlaceOfBoxes<TensorPart, OtherTensors> | QueryRange) & OneToManySettings) | undefined
  }

/** What layers have in place of boxes. */
type OtherTensors = SomeOf<TensorFields, OtherField>

/** {@link TensorTarget} of which no term reads boxes: it has another geometry in their place. */
export type TensorTargetWithoutBoxes = WithoutBoxes<TensorTarget> & SomeOf<TensorTargetFields, OtherField>

/** The targets that go with outputs of a type: their images have the same geometry, or no object. */
export type TensorTargetsOf<O> = ReadonlyArray<
  EmptyTarget | LabelledTensorTarget<O> | TensorMappedTarget<LabelledTensorTarget<O>>
>

/** A target with labels that goes with outputs of a type. */
type LabelledTensorTarget<O> = O extends { readonly boxes: object }
  ? TensorTarget
  : WithoutBoxes<TensorTarget> & SomeOf<TensorTargetFields, Extract<keyof O, OtherField>>
