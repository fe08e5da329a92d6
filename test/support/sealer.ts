import { randomBytes } from 'node:crypto'
import { sealer } from '../../src/certificate/sealing.ts'

export const testSealer = sealer(Buffer.alloc(32, 7), randomBytes)
