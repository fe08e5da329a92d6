/** Where somebody comes from who is about to say who they are. */
export interface Visitor {
  address: string | null // IP address; null: unknown
  device: string // what the session is called: "Firefox on Linux"
}
