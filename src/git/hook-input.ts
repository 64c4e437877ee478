/** What hooks/ send, read whole: see `hook-server.ts` for the protocol. */

/** One line of a hook's input: git itself wrote it. */
export interface UpdateLine {
  oldSha: string;
  newSha: string;
  ref: string;
}

export interface HookInput {
  hook: 'pre-receive' | 'post-receive';
  /** Of receive-pack, as the hook says. */
  pid: number;
  /** As the hook says; null when there is none. */
  quarantine: string | null;
  /** At least one. */
  updates: UpdateLine[];
}

const HEADER = /^(pre-receive|post-receive) (\d{1,10}) (.+)$/;
const UPDATE = /^([0-9a-f]{40}) ([0-9a-f]{40}) (refs\/.+)$/;
/** What a push that only deletes has, since it brings no objects; and post-receive. */
const NO_QUARANTINE = '-';

/** Null when it is not what a hook sends: no byte of it is left out or taken for another. */
export function parseHookInput(bytes: Buffer): HookInput | null {
  const text = bytes.toString('utf8');
  if (!text.endsWith('\n') || !Buffer.from(text).equals(bytes)) return null;
  const [first = '', ...rest] = text.slice(0, -1).split('\n');
  const header = HEADER.exec(first);
  const updates = rest.map(parseUpdate);
  if (header === null || updates.length === 0) return null;
  if (!updates.every((update) => update !== null)) return null;
  const hook = header[1] === 'pre-receive' ? 'pre-receive' : 'post-receive';
  const path = header[3] ?? NO_QUARANTINE;
  const quarantine = path === NO_QUARANTINE ? null : path;
  return { hook, pid: Number(header[2]), quarantine, updates };
}

function parseUpdate(line: string): UpdateLine | null {
  const match = UPDATE.exec(line);
  const [, oldSha, newSha, ref] = match ?? [];
  if (oldSha === undefined || newSha === undefined || ref === undefined) return null;
  return { oldSha, newSha, ref };
}
