/** Types of batches with boxes, and of those that have another geometry in their place: spans or points. */
import type { BoxTerms } from './boxes.ts'
import type { LayerFields, LayerGradients, TargetFields, Terms } from './index.ts'

/** The fields that may stand in the place of boxes. */
export type OtherField = 'spans' | 'points' | 'masks' | 'maskFeatures'

/** What targets have for those of them. */
export type OtherTargetField<Field = OtherField> =
  | Extract<Field, 'spans' | 'points' | 'masks'>
  | (Field extends 'maskFeatures' ? 'masks' : never)

/** Objects that have one field of a geometry for certain. */
export type SomeOf<Fields, Name extends keyof Fields> = Name extends unknown
  ? { readonly [Field in Name]-?: Exclude<Fields[Field], undefined> }
  : never

/** What a layer without boxes has in their place. */
export type OtherGeometry = SomeOf<LayerFields, OtherField>

/** What targets without boxes have in their place. */
export type OtherTargets = SomeOf<TargetFields, OtherTargetField>

/** What the gradients of a layer without boxes have in their place. */
export type OtherGradients = SomeOf<LayerGradients, OtherField>

/** Outputs, layers or targets of which no term reads boxes, such as those of spans alone. */
export type WithoutBoxes<T> = Omit<T, 'boxes'> & {
  /** Absent, since no term reads boxes. */
  readonly boxes?: undefined
}

/** A part with `Geometry` in the place of boxes in its earlier layers, and in its last one `Last`. */
export type InPlaceOfBoxes<Part extends object, Geometry, Last = Geometry> = WithoutBoxes<Omit<Part, 'auxiliary'>> &
  Last & {
    /** Earlier layers, first to last, without boxes. */
    readonly auxiliary?: ReadonlyArray<LayerInPlaceOfBoxes<Part, Geometry>> | undefined
  }

type LayerInPlaceOfBoxes<Part, Geometry> = Part extends {
  readonly auxiliary?: ReadonlyArray<infer Layer> | undefined
}
  ? WithoutBoxes<Layer> & Geometry
  : never

/** {@link Terms} of layers without boxes, which have none of theirs. */
export type TermsWithoutBoxes = Omit<Terms, keyof BoxTerms> & { readonly [Term in keyof BoxTerms]?: undefined }

/** {@link Terms}, certain of those that the type of the outputs tells of. */
export type TermsOf<O> = O extends { readonly boxes: object } ? Terms : TermsWithoutBoxes

/** The gradients that the type of a layer says are there, beside those that all have. */
export type CertainGradients<Layer> = {
  readonly [
    Field in Exclude<keyof LayerGradients, 'logits' | 'boxes'> as Layer extends {
      readonly [F in Field]: object
    }
      ? Field
      : never
  ]: Float32Array
}
