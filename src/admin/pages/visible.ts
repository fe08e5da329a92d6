// Controls, and what reorders or hides its surroundings: a name must not be able to look like another
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}\p{Default_Ignorable_Code_Point}]/gu

/** The nouns' refusals and warnings begin in the middle of a sentence; here each stands alone. */
export function sentence(text: string): string {
  return visible(/^[a-z]+(?:[ ,]|: )/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text, 1000)
}

/** A stranger's text with all that cannot be seen written out, and no longer than `most` characters. */
export function visible(text: string, most = 300): string {
  const cut = text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text
  return cut.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}
