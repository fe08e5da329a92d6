/** How a language writes numbers. */
export function wordsOfNumber(language: string) {
  const whole = new Intl.NumberFormat(language)
  const compact = new Intl.NumberFormat(language, { notation: 'compact', maximumSignificantDigits: 3 })
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  return {
    number: (count: number): string => whole.format(count),
    /** In little room: "81.2K". */
    compact: (count: number): string => compact.format(count),
    percent: (share: number): string => percent.format(share),
  }
}
