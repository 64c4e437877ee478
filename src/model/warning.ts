/** Something that somebody should look after, though all is served. */
export interface Warning {
  kind: 'certificate' | 'domain' | 'disk';
  /** Whose it is; null: the platform's own. */
  appId: string | null;
  /** A sentence without its full stop, which names it. */
  message: string;
}
