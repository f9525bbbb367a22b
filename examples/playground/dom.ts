/** Elements, made in one line, and lists of them that follow a list of things. */

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>
type Child = Node | string

const SVG = 'http://www.w3.org/2000/svg'

/** An element of HTML. Attributes that are false or undefined are left out. */
export function html<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  set(element, attributes)
  element.append(...children)
  return element
}

/** An element of SVG. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS(SVG, tag)
  set(element, attributes)
  element.append(...children)
  return element
}

/** Sets attributes; those that are false or undefined are taken away. */
export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) element.removeAttribute(name)
    else if (element.getAttribute(name) !== String(value))
      element.setAttribute(name, value === true ? '' : String(value))
  }
}

/** Sets the text of an element, and leaves it alone where it is the same. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** A number with all of its digits in `value`, and fewer to read. */
export function datum(element: HTMLDataElement, value: number, text: string): void {
  element.value = String(value)
  write(element, text)
}

/** Keeps one part of a view for each item, by its place: so an element keeps its focus while its contents change. */
export function list<Item, Part extends { readonly root: Element }>(
  parent: Element,
  make: (index: number) => Part,
  update: (part: Part, item: Item, index: number) => void,
): (items: readonly Item[]) => void {
  const parts: Part[] = []
  return (items) => {
    while (parts.length > items.length) parts.pop()?.root.remove()
    items.forEach((item, index) => {
      const part = (parts[index] ??= append(parent, make(index)))
      update(part, item, index)
    })
  }
}

function append<Part extends { readonly root: Element }>(parent: Element, part: Part): Part {
  parent.append(part.root)
  return part
}

/** The element of the page with an id. */
export function find<E extends Element = HTMLElement>(id: string): E {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no element ${id}.`)
  return found as Element as E
}
