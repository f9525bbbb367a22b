/**
 * The pages of the site, in the order in which they are listed. Every file must be there, or the build stops, and every document of
 * `docs/` must be here; both are tested.
 */

/**
 * @typedef {object} Page
 * @property {string} text
 * @property {string} file from the project's root
 */

/** @type {readonly { text: string, pages: readonly Page[] }[]} */
export const SECTIONS = [
  {
    text: 'Start',
    pages: [
      { text: 'What it is', file: 'docs/index.md' },
      { text: 'First steps', file: 'README.md' },
      { text: 'Data and conventions', file: 'docs/guide/data.md' },
      { text: 'Coming from PyTorch', file: 'docs/guide/from-pytorch.md' },
    ],
  },
  {
    text: 'Train',
    pages: [
      { text: 'With TensorFlow.js', file: 'docs/guide/training-tfjs.md' },
      { text: 'With jax-js, or any autodiff', file: 'docs/guide/autodiff.md' },
      { text: 'Choosing a criterion', file: 'docs/guide/presets.md' },
      { text: 'Masks', file: 'docs/guide/masks.md' },
      { text: 'Denoising queries', file: 'docs/guide/denoising.md' },
      { text: 'Groups and one-to-many', file: 'docs/guide/groups.md' },
      { text: 'Several workers', file: 'docs/guide/workers.md' },
      { text: 'Troubleshooting', file: 'docs/guide/troubleshooting.md' },
      { text: 'A report of your batch', file: 'docs/guide/report.md' },
    ],
  },
  {
    text: 'Use',
    pages: [
      { text: 'Evaluation', file: 'docs/guide/evaluation.md' },
      { text: 'ONNX Runtime', file: 'docs/guide/onnx-runtime.md' },
      { text: 'Tracking', file: 'docs/guide/tracking.md' },
      { text: 'The assignment solver', file: 'docs/guide/solver.md' },
      { text: 'Threads and the event loop', file: 'docs/guide/threads.md' },
      { text: 'Bundlers and browsers', file: 'docs/bundlers.md' },
    ],
  },
  {
    text: 'Know',
    pages: [
      { text: 'How it works', file: 'docs/guide/how-it-works.md' },
      { text: 'Playground', file: 'docs/guide/playground.md' },
      { text: 'How fast it is', file: 'docs/guide/performance.md' },
      { text: 'Reliability', file: 'docs/reliability.md' },
    ],
  },
  {
    text: 'Look up',
    pages: [
      { text: 'At a glance', file: 'docs/guide/glance.md' },
      { text: 'Options', file: 'docs/guide/options.md' },
      { text: 'Outputs, targets and results', file: 'docs/guide/outputs.md' },
      { text: 'Errors', file: 'docs/errors.md' },
      { text: 'Limits', file: 'docs/guide/limits.md' },
    ],
  },
  {
    text: 'The project',
    pages: [
      { text: 'Example: digits', file: 'examples/train-digits/README.md' },
      { text: 'Example: several processes', file: 'examples/data-parallel/README.md' },
      { text: 'Changes', file: 'CHANGELOG.md' },
      { text: 'Security', file: 'SECURITY.md' },
      { text: 'Contributing', file: 'CONTRIBUTING.md' },
      { text: 'Architecture', file: 'ARCHITECTURE.md' },
      { text: 'Benchmarks', file: 'benchmarks/README.md' },
    ],
  },
]

/** Every page that is listed. */
export const PAGES = SECTIONS.flatMap(({ pages }) => pages)
