import { canonicalJson, type JsonValue } from './canonical-json.ts';

/** Who acts: a token, or the platform by itself. */
export type AuditActor =
  | { kind: 'platform' }
  /** `kind` is that of the token. */
  | { kind: string; id: string; name: string };

/** From where, as the door saw it. */
export interface AuditOrigin {
  address: string | null;
  userAgent: string | null;
}

/** What callers chose to be written: names, versions, ids; never a value that somebody keeps to himself. */
export type AuditDetails = Readonly<Record<string, JsonValue>>;

/** What somebody is about to do, or the platform does. */
export interface AuditEvent {
  actor: AuditActor;
  /** As in `createToken`: the name of an operation of the control API, or of what the platform does without it. */
  action: string;
  app: { id: string | null; name: string } | null;
  /** What in the app or platform it is done to; null for the app itself. */
  target: string | null;
  from: AuditOrigin | null;
  /** Of the request or push; the entries of one operation have it in common. */
  requestId: string | null;
  before: AuditDetails | null;
  after: AuditDetails | null;
}

/** `requested` is written before it is done; the others when it has ended. */
export type AuditOutcome = 'requested' | 'succeeded' | 'failed';

/** An entry as it is stored and authenticated. */
export interface AuditContent extends AuditEvent {
  /** The same as the row's: an entry that was moved tells where it belongs. */
  sequence: number;
  /** Milliseconds since 1970. */
  atMs: number;
  outcome: AuditOutcome;
  /** Why it failed; null otherwise. */
  reason: string | null;
}

const MAX_NAME_CHARACTERS = 300;
const MAX_USER_AGENT_CHARACTERS = 200;
const MAX_REASON_CHARACTERS = 500;
const MAX_DETAIL_CHARACTERS = 500;
const MAX_DETAIL_ITEMS = 200;
const MAX_DETAIL_DEPTH = 5;
/** Of `before` and of `after`, each; more is left out as a whole. */
const MAX_DETAILS_CHARACTERS = 16_000;

/** The bytes of an entry. Bounded, whatever a client sends: an entry is for ever. */
export function encodeEntry(content: AuditContent): string {
  const { actor, app, from } = content;
  return canonicalJson({
    sequence: content.sequence,
    atMs: content.atMs,
    outcome: content.outcome,
    reason: cut(content.reason, MAX_REASON_CHARACTERS),
    actor: 'id' in actor ? { ...actor, name: cut(actor.name, MAX_NAME_CHARACTERS) } : { ...actor },
    action: cut(content.action, MAX_NAME_CHARACTERS),
    app: app === null ? null : { id: app.id, name: cut(app.name, MAX_NAME_CHARACTERS) },
    target: cut(content.target, MAX_NAME_CHARACTERS),
    from: from === null ? null : encodeOrigin(from),
    requestId: cut(content.requestId, MAX_NAME_CHARACTERS),
    before: boundDetails(content.before),
    after: boundDetails(content.after),
  });
}

/** Null for what is no entry: somebody wrote into the table. */
export function decodeEntry(text: string): AuditContent | null {
  try {
    const content = JSON.parse(text) as AuditContent | null;
    return typeof content?.sequence === 'number' ? content : null;
  } catch {
    return null;
  }
}

function encodeOrigin({ address, userAgent }: AuditOrigin): JsonValue {
  return {
    address: cut(address, MAX_NAME_CHARACTERS),
    userAgent: cut(userAgent, MAX_USER_AGENT_CHARACTERS),
  };
}

function cut(text: string | null, maxCharacters: number): string | null {
  if (text === null || text.length <= maxCharacters) return text;
  return `${text.slice(0, maxCharacters)}…`;
}

function boundDetails(details: AuditDetails | null): JsonValue {
  if (details === null) return null;
  const bounded = bound(details, MAX_DETAIL_DEPTH);
  const isTooLong = canonicalJson(bounded).length > MAX_DETAILS_CHARACTERS;
  return isTooLong ? { omitted: 'too long to be kept' } : bounded;
}

function bound(value: JsonValue, depth: number): JsonValue {
  if (typeof value === 'string') return cut(value, MAX_DETAIL_CHARACTERS);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) {
    return value.slice(0, MAX_DETAIL_ITEMS).map((item: JsonValue) => bound(item, depth - 1));
  }
  const entries = Object.entries(value).slice(0, MAX_DETAIL_ITEMS);
  return Object.fromEntries(
    entries.map(([name, item]) => [cut(name, MAX_NAME_CHARACTERS) ?? '', bound(item, depth - 1)]),
  );
}
