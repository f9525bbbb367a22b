/** Chromium without a window, told what to do by the DevTools protocol over two pipes. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { need, withTools } from '../cross/toolchain.js'

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome']

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
]

/** In which the protocol numbers its pipes: commands, and what comes back. */
const [COMMANDS, ANSWERS] = [3, 4]

/** The name of the browser that is here; with `install` it is installed where that can be done. */
export function findChromium({ install = false } = {}) {
  const find = () =>
    [process.env.CHROMIUM, ...PROGRAMS].find((name) => name && spawnSync(name, ['--version']).status === 0)
  need(
    () => find() !== undefined,
    ['chromium'],
    'No Chromium is here (or set the variable CHROMIUM to its path):',
    install,
  )
  return find()
}

/**
 * Does something with a browser and a folder of its own, which is removed afterwards. Without a browser the process ends with 2.
 * @param {{ install?: boolean }} options
 * @param {(chromium: string, folder: string) => Promise<void>} use
 */
export function withBrowser(options, use) {
  return withTools(async () => {
    const chromium = findChromium(options)
    const folder = mkdtempSync(join(tmpdir(), 'browser-'))
    try {
      await use(chromium, folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

/**
 * Opens a page.
 * @param {string} program
 * @param {string} url
 * @returns {Promise<{
 *   ask: (method: string, params?: object) => Promise<any>,
 *   evaluate: (expression: string) => Promise<any>,
 *   drawn: () => Promise<void>,
 *   screenshot: () => Promise<Buffer>,
 *   look: (screen: { width: number, height: number, isDark?: boolean, scale?: number }) => Promise<void>,
 *   close: () => Promise<void>,
 * }>} `ask` sends the page any command of the protocol; `drawn` waits until all that has been done is drawn; `look` sets the size of the
 * screen, whether a dark page is wished for, and how many pixels of a picture one of the page is
 */
export async function openPage(program, url) {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  const browser = spawn(program, [...FLAGS, `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  })
  const ended = new Promise((resolve) => browser.once('close', resolve))
  const send = connect(browser)
  const close = async () => {
    browser.kill('SIGKILL')
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
    const ask = (method, params) => send(method, params, sessionId)
    await ask('Page.enable')
    const loaded = send.once('Page.loadEventFired')
    await ask('Page.navigate', { url })
    await loaded
    return {
      ask,
      evaluate: (expression) => evaluate(ask, expression),
      drawn: () => evaluate(ask, DRAWN),
      screenshot: () => screenshot(ask),
      look: (screen) => look(ask, screen),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A function that sends a command and gives its result; `once` waits for an event. */
function connect(browser) {
  const waiting = new Map()
  let [errors, rest, last] = ['', '', 0]
  browser.stderr.on('data', (text) => (errors += text))
  browser.once('close', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`Chromium ended with ${code}:\n${errors}`))
  })
  browser.stdio[ANSWERS].on('data', (text) => {
    const messages = `${rest}${text}`.split('\0')
    rest = messages.pop()
    for (const { id, method, result, error } of messages.map((message) => JSON.parse(message))) {
      const waiter = waiting.get(id ?? method)
      waiting.delete(id ?? method)
      if (error) waiter?.reject(new Error(error.message))
      else waiter?.resolve(result)
    }
  })
  const wait = (key) => new Promise((resolve, reject) => waiting.set(key, { resolve, reject }))
  const send = (method, params = {}, sessionId = undefined) => {
    last += 1
    browser.stdio[COMMANDS].write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`)
    return wait(last)
  }
  return Object.assign(send, { once: wait })
}

async function evaluate(ask, expression) {
  const { result, exceptionDetails } = await ask('Runtime.evaluate', {
    expression,
    awaitPromise: true,
    returnByValue: true,
  })
  if (exceptionDetails)
    throw new Error(`In the page: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`)
  return result.value
}

/** In the page: fulfilled once the next frame has been drawn. */
const DRAWN = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))'

async function look(ask, { width, height, isDark = false, scale = 1 }) {
  await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: width < 600 })
  const features = [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }]
  await ask('Emulation.setEmulatedMedia', { features })
}

async function screenshot(ask) {
  return Buffer.from((await ask('Page.captureScreenshot', { format: 'png' })).data, 'base64')
}
