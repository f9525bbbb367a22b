/** Fields of a layer or target, each of which one name of the file may stand for. */
import { Fault } from '../fault.ts'

/** Adds what a name stands for, unless another name of the same was there. `of`: what the field is of, where messages need it. */
export function put(fields: Record<string, unknown>, field: string, name: string, value: unknown, of = ''): void {
  if (Object.hasOwn(fields, field)) throw new Fault(`"${name}" stands for ${field}${of}, which is there twice`)
  fields[field] = value
}
