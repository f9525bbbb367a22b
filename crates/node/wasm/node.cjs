/** The WebAssembly binding for Node.js: there at once, as a native addon is. */
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { instantiate } = require('./instance.js')

const bytes = readFileSync(join(__dirname, 'hungarian-loss.wasm32-wasip1.wasm'))
module.exports = instantiate(new WebAssembly.Module(bytes), process.env)
