/** Exponents of growth: k where time is proportional to the k-th power of a size. */

/** How far a step may lie above the expected exponent: the noise of a measurement, and the next cache being slower. */
const SLACK = 0.35

/**
 * Between neighbouring points; undefined for the first, and where a size or a time is not above 0.
 * @param {[number, number][]} points sizes and times
 * @returns {(number | undefined)[]}
 */
export function localExponents(points) {
  return points.map((point, i) => (i === 0 ? undefined : slope([points[i - 1], point])))
}

/**
 * Of the line through all points that fits best in logarithms; points without a logarithm are left out.
 * @param {[number, number][]} points
 * @returns {number | undefined}
 */
export function fittedExponent(points) {
  return slope(points.filter((point) => point.every((value) => value > 0)))
}

/** Whether time grows by more in a step than it should. */
export function isCliff(exponent, expected) {
  return exponent !== undefined && exponent > expected + SLACK
}

/** By least squares. */
function slope(points) {
  const logs = points.map((point) => point.map(Math.log))
  const [x, y] = [0, 1].map((axis) => logs.reduce((sum, log) => sum + log[axis], 0) / logs.length)
  const [xy, xx] = logs.reduce(([a, b], log) => [a + (log[0] - x) * (log[1] - y), b + (log[0] - x) ** 2], [0, 0])
  return Number.isFinite(xy / xx) ? xy / xx : undefined
}
