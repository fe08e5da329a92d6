import { withOwnIsolates } from './isolation.ts'

// Controls, and what reorders or hides its surroundings: a name must not be able to look like another
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu

/** The nouns' refusals and warnings begin in the middle of a sentence; here each stands alone. */
export function sentence(text: string, most = 1000): string {
  return legible(/^[a-z]+(?:[ ,]|: )/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text, most)
}

/** As `visible`, of a sentence of the catalogue, in which names are kept apart. */
export function legible(text: string, most = 300): string {
  return withOwnIsolates(cutOff(text, most), written)
}

/** A stranger's text with all that cannot be seen written out, and no longer than `most` characters. */
export function visible(text: string, most = 300): string {
  return written(cutOff(text, most))
}

function cutOff(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text
}

function written(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}
