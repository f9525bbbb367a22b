/** A million calls of each kind, and whether the memory stays as it is; in `npm test` there are fewer. */
import { runAll } from './run.js'

process.env.STEADY_CALLS = '1000000'

runAll(['npx vitest run __test__/package/steady.spec.ts'])
