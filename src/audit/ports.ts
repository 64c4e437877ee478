/** What authenticates entries. */
export interface AuditKeys {
  /** New entries are written with it. */
  readonly current: AuditKey;
  /** Null for one that is not known here. */
  byId(id: string): Buffer | null;
}

export interface AuditKey {
  id: string;
  /** 32 bytes. */
  key: Buffer;
}

/** The newest entry as it is known outside the database. */
export interface AuditHead {
  /** Null before the first entry. */
  read(): Promise<HeadEntry | null>;
  /** Resolves when a loss of power no longer loses it. */
  write(entry: HeadEntry): Promise<void>;
}

export interface HeadEntry {
  sequence: number;
  mac: Buffer;
}
