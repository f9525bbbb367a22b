/** What the page does by itself. */

/** A target that is pointed at stands out wherever it is shown. */
export const SCRIPT = `
for (const image of document.querySelectorAll('.image')) {
  const ties = image.querySelectorAll('.tie')
  const light = (target) => {
    image.classList.toggle('lit', target !== undefined)
    for (const tie of ties) tie.classList.toggle('on', tie.dataset.target === target)
  }
  for (const tie of ties) {
    tie.addEventListener('pointerenter', () => light(tie.dataset.target))
    tie.addEventListener('pointerleave', () => light(undefined))
  }
}
`
