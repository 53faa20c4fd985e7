/** What `GET /status` says of an agent. Public keys only. */
export interface TunnelStatus {
  readonly cluster: string
  readonly relay: string
  readonly instance: string
  /** Control sessions that are open and answer. */
  readonly sessions: readonly {
    readonly replica: string
    readonly forSeconds: number
    /** False while a session with new credentials is being opened beside it. */
    readonly withPresentCredentials: boolean
  }[]
  /** SPKI of the session key in force. */
  readonly sessionKey: string
  readonly documentSerial: number
  /** Why the files' present content is not in force. */
  readonly credentialsRefused?: string
  readonly carriers: number
  /** Carriers per auth proxy address. */
  readonly authProxies: Readonly<Record<string, number>>
}
