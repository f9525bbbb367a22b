/** The playground in headless Chromium: its size, its colours, its pointers and keys, and what it says. */
import { openPage } from '../browser/chromium.js'

/** What of the modifier keys the protocol adds up. */
export const SHIFT = 8

/** Waits until something holds in a page, for a minute at most. */
export function until({ evaluate }, condition) {
  return evaluate(`new Promise((done, fail) => {
    const wait = (left) => {
      if (${condition}) done()
      else if (left === 0) fail(new Error(${JSON.stringify(`not within a minute: ${condition}`)}))
      else setTimeout(wait, 50, left - 1)
    }
    wait(1200)
  })`)
}

/**
 * Opens the playground.
 * @param {string} chromium
 * @param {string} url
 * @param {{ width: number, height: number, isDark?: boolean, touch?: boolean, scale?: number }} screen
 */
export async function openPlayground(chromium, url, { touch = false, ...screen }) {
  const page = await openPage(chromium, url)
  const { ask, evaluate, drawn } = page
  await page.look(screen)
  await ask('Emulation.setTouchEmulationEnabled', { enabled: touch })
  await ask('Page.bringToFront')
  const run = async (script) => {
    const value = await evaluate(script)
    await drawn()
    return value
  }
  await until(page, `'ready' in document.documentElement.dataset`)
  const mouse = (type, { x, y }) =>
    ask('Input.dispatchMouseEvent', {
      type,
      x,
      y,
      button: 'left',
      buttons: type === 'mouseReleased' ? 0 : 1,
      clickCount: 1,
    })
  const finger = (type, point) =>
    ask('Input.dispatchTouchEvent', { type, touchPoints: point === undefined ? [] : [{ x: point.x, y: point.y }] })
  return {
    ...page,
    run,
    /** Drags from one point to another, in pixels of the window, by several steps. */
    async drag(from, to) {
      const steps = 5
      const between = (i) => ({ x: from.x + ((to.x - from.x) * i) / steps, y: from.y + ((to.y - from.y) * i) / steps })
      await (touch ? finger('touchStart', from) : mouse('mousePressed', from))
      for (let i = 1; i <= steps; i++) await (touch ? finger('touchMove', between(i)) : mouse('mouseMoved', between(i)))
      await (touch ? finger('touchEnd') : mouse('mouseReleased', to))
      await drawn()
    },
    /** Moves the mouse to a point of the window. */
    async point(point) {
      await ask('Input.dispatchMouseEvent', { type: 'mouseMoved', ...point })
      await drawn()
    },
    /** Where the middle of an element is in the window. */
    middleOf: (selector) =>
      evaluate(`(({ left, top, width, height }) => ({ x: left + width / 2, y: top + height / 2 }))(
        document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect())`),
    /** Presses a key and lets it go. */
    async press(key, modifiers = 0) {
      for (const type of ['rawKeyDown', 'keyUp'])
        await ask('Input.dispatchKeyEvent', { type, key, code: key, modifiers })
      await drawn()
    },
    /** Where a place of the picture is in the window; both from 0 to 1 there. */
    at: (x, y) =>
      evaluate(`(({ left, top, width, height }) => ({ x: left + ${x} * width, y: top + ${y} * height }))(
        document.getElementById('canvas').getBoundingClientRect())`),
    /** Chooses an option, or moves a slider. */
    choose: (selector, value) =>
      run(`{
        const element = document.querySelector(${JSON.stringify(selector)})
        element.value = ${JSON.stringify(String(value))}
        for (const type of ['input', 'change']) element.dispatchEvent(new Event(type, { bubbles: true }))
      }`),
    click: (selector) => run(`document.querySelector(${JSON.stringify(selector)}).click()`),
  }
}
