/** Names that are meant by others: what a mistyped or foreign key stands for. */

/** The known name that is closest to a given one, if any is close: the same letters, or one slip in about three. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const letters = lettersOf(given)
  let [best, least] = [undefined as string | undefined, Math.floor(Math.min(letters.length, 9) / 3) + 1]
  if (letters.length > LONGEST) return undefined
  for (const name of known) {
    const distance = editDistance(letters, lettersOf(name))
    if (distance < least) [best, least] = [name, distance]
  }
  return best
}

/** What is longer is no slip of any name. */
const LONGEST = 40

/** A name without case and separators, by which `no_object_weight` is `noObjectWeight`. */
export function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

/**
 * Names that the published code, its ports and other solvers have for options, without case and separators: the first
 * one that there is may be meant. facebookresearch/detr, `main.py`; huggingface/transformers, `configuration_detr.py`;
 * `linear_assignment` of trackers.
 */
const FOREIGN: ReadonlyMap<string, readonly string[]> = new Map([
  ['eoscoef', ['noObjectWeight', 'classification.noObjectWeight']],
  ['eoscoefficient', ['noObjectWeight', 'classification.noObjectWeight']],
  ['focalalpha', ['alpha', 'classification.alpha']],
  ['focalgamma', ['gamma', 'classification.gamma']],
  ['numlabels', ['numClasses']],
  ['weightdict', ['weights']],
  ['bbox', ['l1']],
  ['box', ['l1']],
  ['boxes', ['l1']],
  ['lossbbox', ['l1']],
  ['bboxlosscoef', ['l1', 'weights.l1']],
  ['bboxlosscoefficient', ['l1', 'weights.l1']],
  ['costbbox', ['l1', 'cost.l1']],
  ['setcostbbox', ['l1', 'cost.l1']],
  ['bboxcost', ['l1', 'cost.l1']],
  ['ce', ['class']],
  ['bce', ['class']],
  ['cls', ['class']],
  ['label', ['class']],
  ['labels', ['class']],
  ['vfl', ['class']],
  ['mal', ['class']],
  ['lossce', ['class']],
  ['lossvfl', ['class']],
  ['lossmal', ['class']],
  ['clslosscoef', ['class', 'weights.class']],
  ['costclass', ['class', 'cost.class']],
  ['setcostclass', ['class', 'cost.class']],
  ['classcost', ['class', 'cost.class']],
  ['lossgiou', ['giou']],
  ['giouloss', ['giou']],
  ['costgiou', ['giou', 'cost.giou']],
  ['setcostgiou', ['giou', 'cost.giou']],
  ['gioucost', ['giou', 'cost.giou']],
  ['gioulosscoef', ['giou', 'weights.giou']],
  ['gioulosscoefficient', ['giou', 'weights.giou']],
  ['costthreshold', ['costLimit']],
  ['costthresh', ['costLimit']],
  ['threshold', ['costLimit']],
  ['thresh', ['costLimit']],
  ['maxcost', ['costLimit']],
  ['maxdistance', ['costLimit']],
])

/** The known name that a foreign one stands for, if any. Of `weights.l1`, `weights` is to be known. */
export function foreignName(given: string, known: readonly string[]): string | undefined {
  if (given.length > LONGEST) return undefined
  return FOREIGN.get(lettersOf(given))?.find((name) => known.includes(name.split('.')[0] as string))
}

/** How many letters must be put in, left out, changed or swapped with the next (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (last[j - 1] as number) + Number(a[i - 1] !== b[j - 1])
      row[j] = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, changed)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j] as number, (before[j - 2] as number) + 1)
      }
    }
    ;[before, last] = [last, row]
  }
  return last[b.length] as number
}
