/** Deeper than any body of an operation. */
const MAX_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * What a JSON text has that no honest client sends, or null: names that stand twice in an object, of which parsers
 * take the first or the last as they please (RFC 8259 section 4), and nesting that makes whoever walks it run out of
 * stack. One pass over the characters; text that is no JSON is left to the parser.
 */
export function problemOfJson(text: string): string | null {
  /** Names of the objects around; null for an array. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names && text.charCodeAt(skipSpace(text, end + 1)) === COLON) {
        const name = decode(text.slice(at, end + 1));
        if (names.has(name)) return `the body has "${name.slice(0, 60)}" twice in one object`;
        names.add(name);
      }
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      open.push(code === 0x7b ? new Set() : null);
      if (open.length > MAX_DEPTH) return `the body is nested more than ${MAX_DEPTH} deep`;
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
    }
  }
  return null;
}

/** Position of the quote that ends the string, or of the last character. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

/** Space, tab, line feed and carriage return. */
function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1;
  return at;
}

/** `"\u0061"` is another spelling of `"a"`. */
function decode(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted; // The parser will say what is wrong with it.
  }
}
