/** Who changes something, from where and when. All rows of one act carry the same instant. */
export interface Act {
  at: Date
  actor: string // "operator", "cli", "local-authority"
  address: string | null // the caller's IP address; null where there is none (command line, job)
}
