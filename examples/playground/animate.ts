/** A descent that can be watched: a step a frame, until it is done, stopped, or something else has changed. */
import { stepped } from './descent.ts'
import type { Store } from './store.ts'

export interface Descent {
  /** Begins, or stops what is under way. */
  toggle(steps: number, rate: number): void
}

/** `onChange` hears whether a descent is under way. */
export function makeDescent(store: Store, onChange: (isRunning: boolean) => void): Descent {
  let frame: number | undefined
  const stop = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame)
    frame = undefined
    onChange(false)
  }
  /** One step; the curve goes on from where it is. */
  const step = (rate: number): void => {
    const { study, look } = store.scenery
    const before = look.curve.length > 0 ? look.curve : [study.loss]
    store.change((state) => stepped(state, study, rate))
    store.look({ curve: [...before, store.scenery.study.loss] })
  }
  const animate = (left: number, rate: number): void => {
    step(rate)
    const { state } = store.scenery
    if (left === 1) return stop()
    frame = requestAnimationFrame(() => (store.scenery.state === state ? animate(left - 1, rate) : stop()))
  }
  return {
    toggle(steps, rate) {
      if (frame !== undefined) return stop()
      if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
        for (let i = 0; i < steps; i++) step(rate)
        return
      }
      onChange(true)
      animate(steps, rate)
    },
  }
}
