import type { IssuedLink } from '../../tenant/accounts.ts'
import { useTexts } from './context.ts'
import { Copyable, Heading, When } from './parts.tsx'

/** A one-time link, shown once: whoever has it can use it. */
export function LinkPage(props: {
  within: { href: string; title: string }
  title: string
  lead: string
  link: IssuedLink
}) {
  const { links: t } = useTexts()
  const { within, title, lead, link } = props
  return (
    <>
      <Heading within={within} title={title} lead={lead} />
      <section class="card padded stack" aria-label={t.label}>
        <Copyable text={link.url} label={t.label} />
        <p>
          {t.once} <When at={link.expiresAt} />.
        </p>
        <p>
          <a class="button" href={within.href}>
            {t.done}
          </a>
        </p>
      </section>
    </>
  )
}
