import { Router, type Response } from 'express'
import { ProblemError } from '../problem.ts'
import { accentStyle } from '../tenant/accent.ts'
import type { Settings, SettingsStore } from '../tenant/settings.ts'

/** The addresses of what the operator has put in place of our own; null: nothing. */
export interface BrandAssets {
  logo: string | null
  css: string | null
}

export function brandAssets({ logo, accents, revision }: Settings): BrandAssets {
  return {
    logo: logo && `/assets/logo?v=${logo.sha256.slice(0, 12)}`,
    css: accents && `/assets/brand.css?v=${revision}`,
  }
}

/** Public, as the page is that people sign in on. */
export function brandFiles(settings: Pick<SettingsStore, 'standing' | 'logo'>): Router {
  const files = Router({ caseSensitive: true, strict: true })
  files.get('/logo', async (req, res) => {
    const logo = await settings.logo()
    if (!logo) throw nothing()
    cache(res, req.query['v'] === logo.sha256.slice(0, 12))
    // Opened by itself it is an image as well, whatever is hidden in its bytes
    res.setHeader('Content-Security-Policy', "default-src 'none'; sandbox; frame-ancestors 'none'")
    res.setHeader('Content-Disposition', 'inline; filename="logo"')
    res.type(logo.mediaType).send(logo.bytes)
  })
  files.get('/brand.css', async (req, res) => {
    const { accents, revision } = (await settings.standing()).settings
    if (!accents) throw nothing()
    cache(res, req.query['v'] === String(revision))
    res.type('css').send(accentStyle(accents))
  })
  return files
}

/** Whoever asks with the mark of the content may keep it for ever; with another, what is sent is not that content. */
function cache(res: Response, isMarked: boolean): void {
  res.setHeader('Cache-Control', isMarked ? 'public, max-age=31536000, immutable' : 'no-cache')
}

function nothing(): ProblemError {
  return new ProblemError('not-found', 'there is nothing at this address')
}
