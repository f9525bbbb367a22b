/** Light or dark: as the system has it, until one of them is chosen. */
import { find, set } from './dom.ts'

const KEY = 'hungarian-loss-theme'

export function startTheme(): void {
  const root = document.documentElement
  const button = find('theme')
  const system = matchMedia('(prefers-color-scheme: dark)')
  const isDark = (): boolean => (root.dataset.theme ?? (system.matches ? 'dark' : 'light')) === 'dark'
  const show = (): void => set(button, { 'aria-pressed': String(isDark()) })
  const kept = remembered()
  if (kept === 'dark' || kept === 'light') root.dataset.theme = kept
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark'
    remember(root.dataset.theme)
    show()
  })
  system.addEventListener('change', show)
  show()
}

/** Pages of files, and browsers that keep nothing, may refuse a memory. */
function remembered(): string | undefined {
  try {
    return localStorage.getItem(KEY) ?? undefined
  } catch {
    return undefined
  }
}

function remember(theme: string): void {
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // then it is chosen for this visit alone
  }
}
