/** An assignment problem as the binding takes it. */

/** A dense cost matrix, row-major. */
export interface Costs {
  readonly data: Float32Array | Float64Array
  readonly rows: number
  readonly columns: number
  readonly rowList?: undefined
}

/** What tells the solver how to read a matrix. */
export interface Settings {
  readonly maximize: boolean
  readonly partial: boolean
  /** NaN for none. */
  readonly limit: number
  /** Whether duals are wanted. */
  readonly wanted: boolean
}
