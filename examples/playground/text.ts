/** Numbers as the page writes them. */

/** With some decimals and a true minus sign; 0 has none. */
export function number(value: number, decimals = 2): string {
  const text = value.toFixed(decimals)
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−')
}

/** The same with a sign in front always. */
export const signed = (value: number, decimals = 2): string => {
  const text = number(value, decimals)
  return Number(value.toFixed(decimals)) > 0 ? `+${text}` : text
}
