/** Something to be found in text, and what stands in its place. */
export interface Needle {
  text: string;
  replacement: string;
}

/** What was found at a position. */
interface Found {
  replacement: string;
  length: number;
}

/**
 * Finds at a position of a text the longest of many needles that stands there. Needles and text may both come from
 * somebody who wants to keep this process busy, so a position costs at most `HEAD_CHARACTERS` and the logarithm of the
 * number of needles: heads are sorted, and the one before the text in that order leads to all that the text begins with.
 */
export interface NeedleIndex {
  /** The first place at or after `from` where a needle stands; null when there is none. */
  find(text: string, from: number): (Found & { at: number }) | null;
}

/**
 * Of a longer needle the beginning is enough: who sees that much of it in a text sees it cut, and should not. It
 * bounds how much of the text is looked at for one position.
 */
const HEAD_CHARACTERS = 256;
/** Positions whose next characters begin no needle are told by one look into a table of this size, a power of 2. */
const FILTER_SIZE = 16_384;
/** So many characters are mixed for it; no needle may be shorter. */
export const MIN_NEEDLE_CHARACTERS = 3;

interface Head {
  text: string;
  /** The longest needle that this one begins with, as an index; -1 for none. */
  parent: number;
  /** Longest first; the last is as long as the head or, when all are longer, longer. */
  needles: Needle[];
}

/** Of needles alike the first counts. */
export function createNeedleIndex(needles: Iterable<Needle>): NeedleIndex {
  const heads = sortHeads(needles);
  const filter = new Uint8Array(FILTER_SIZE);
  for (const { text } of heads) filter[filterSlot(text, 0)] = 1;

  function findAt(text: string, at: number): Found | null {
    const { index, shared } = lastBefore(heads, text, at);
    let head = heads[index];
    while (head !== undefined && head.text.length > shared) head = heads[head.parent];
    return head === undefined ? null : longestOf(head, text, at);
  }

  return {
    find(text, from) {
      for (let at = from; at <= text.length - MIN_NEEDLE_CHARACTERS; at++) {
        if (filter[filterSlot(text, at)] === 0) continue;
        const found = findAt(text, at);
        if (found !== null) return { ...found, at };
      }
      return null;
    },
  };
}

function sortHeads(needles: Iterable<Needle>): Head[] {
  const byText = new Map<string, Map<string, Needle>>();
  for (const needle of needles) {
    const head = needle.text.slice(0, HEAD_CHARACTERS);
    const sharing = byText.get(head) ?? new Map<string, Needle>();
    byText.set(head, sharing);
    if (!sharing.has(needle.text)) sharing.set(needle.text, needle);
  }
  const heads: Head[] = [];
  const open: number[] = [];
  for (const [text, sharing] of [...byText].sort(([a], [b]) => (a < b ? -1 : 1))) {
    while (open.length > 0 && !text.startsWith(heads[open.at(-1) ?? 0]?.text ?? '')) open.pop();
    const longestFirst = [...sharing.values()].sort((a, b) => b.text.length - a.text.length);
    heads.push({ text, parent: open.at(-1) ?? -1, needles: longestFirst });
    open.push(heads.length - 1);
  }
  return heads;
}

/** The last head that is not behind the text in their order, -1 for none, and how many characters both begin with. */
function lastBefore(
  heads: readonly Head[],
  text: string,
  at: number,
): { index: number; shared: number } {
  let low = { index: -1, shared: 0 };
  let high = { index: heads.length, shared: 0 };
  while (high.index - low.index > 1) {
    const index = (low.index + high.index) >> 1;
    const head = heads[index]?.text ?? '';
    // What both ends share with the text, all heads between them share too.
    let shared = Math.min(low.shared, high.shared);
    while (shared < head.length && head.charCodeAt(shared) === text.charCodeAt(at + shared)) {
      shared++;
    }
    // Behind the end of the text there is no number to compare with.
    const isBefore =
      shared === head.length || head.charCodeAt(shared) < text.charCodeAt(at + shared);
    if (isBefore) low = { index, shared };
    else high = { index, shared };
  }
  return low;
}

function longestOf({ text: head, needles }: Head, text: string, at: number): Found {
  const whole = needles.find((needle) => text.startsWith(needle.text, at));
  const { replacement } = whole ?? needles[0] ?? { replacement: '' };
  return { replacement, length: whole?.text.length ?? head.length };
}

/** Mixes the first three characters from `at`. */
function filterSlot(text: string, at: number): number {
  const first = text.charCodeAt(at);
  const mixed = (first * 31 + text.charCodeAt(at + 1)) * 31 + text.charCodeAt(at + 2);
  return mixed & (FILTER_SIZE - 1);
}
