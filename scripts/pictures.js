/**
 * Draws the pictures of docs/guide/how-it-works.md anew.
 *
 * Usage: node scripts/pictures.js
 */
import { writeFileSync } from 'node:fs'
import { drawAll } from './pictures/index.js'

const FOLDER = new URL('../docs/pictures/', import.meta.url)

for (const [file, picture] of Object.entries(drawAll())) writeFileSync(new URL(file, FOLDER), picture)
