/** Conditional and range requests for a file: RFC 9110 sections 13 and 14, as values. */

/** The header fields as they came; undefined for those that did not. */
export interface ConditionFields {
  ifMatch: string | undefined;
  ifNoneMatch: string | undefined;
  ifRange: string | undefined;
  range: string | undefined;
}

export interface Representation {
  /** Strong, with its quotes. */
  etag: string;
  bytes: number;
}

export type Outcome =
  | { status: 200 | 304 | 412 | 416 }
  /** `start` and `end` are the first and the last byte. */
  | { status: 206; start: number; end: number };

interface ByteRange {
  /** Null in `-5`: the last five. */
  first: number | null;
  last: number | null;
}

const ENTITY_TAG = /\s*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*")\s*)?(?:,|$)/y;
const RANGE = /^bytes\s*=\s*(\d*)\s*-\s*(\d*)$/i;
const WHOLE: Outcome = { status: 200 };

/**
 * What is answered to GET or HEAD, in the order of RFC 9110 section 13.2.2. Conditions on dates are left out: files
 * of a commit have no date of their own that a client could rely on, so none is ever sent as Last-Modified.
 */
export function evaluateConditions(
  fields: ConditionFields,
  method: 'GET' | 'HEAD',
  stored: Representation,
): Outcome {
  const { ifMatch, ifNoneMatch } = fields;
  if (ifMatch !== undefined && !matches(ifMatch, stored.etag, 'strong')) return { status: 412 };
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, stored.etag, 'weak')) {
    return { status: 304 };
  }
  // For other methods a range has no meaning (section 14.2).
  return method === 'GET' ? rangeOutcome(fields, stored) : WHOLE;
}

/** Several ranges are answered with the whole, as a server may: nobody needs more parts than ends of one. */
function rangeOutcome({ range, ifRange }: ConditionFields, stored: Representation): Outcome {
  if (range === undefined || stored.bytes === 0) return WHOLE;
  // A date, or a weak tag, never vouches for the bytes being alike.
  if (ifRange !== undefined && ifRange.trim() !== stored.etag) return WHOLE;
  const wanted = parseRange(range);
  if (wanted === null) return WHOLE;
  const { bytes } = stored;
  const start = wanted.first ?? Math.max(0, bytes - (wanted.last ?? 0));
  const end = wanted.first === null ? bytes - 1 : Math.min(wanted.last ?? bytes - 1, bytes - 1);
  return start < bytes ? { status: 206, start, end } : { status: 416 };
}

/** Null for several, and for what is none: both are to be ignored. */
function parseRange(text: string): ByteRange | null {
  const match = RANGE.exec(text.trim());
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  const range = { first: numberOrNull(first), last: numberOrNull(last) };
  const isBackwards = range.first !== null && range.last !== null && range.last < range.first;
  return isBackwards ? null : range;
}

function numberOrNull(digits: string): number | null {
  return digits === '' ? null : Number(digits);
}

/** Whether a list of entity tags, or `*`, has this one. A list that is none has none. */
function matches(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  ENTITY_TAG.lastIndex = 0;
  while (ENTITY_TAG.lastIndex < list.length) {
    const match = ENTITY_TAG.exec(list);
    if (match === null) return false;
    const [, weak, tag] = match;
    if (tag === etag && (comparison === 'weak' || weak === undefined)) return true;
  }
  return false;
}
