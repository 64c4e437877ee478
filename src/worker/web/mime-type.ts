/** https://fetch.spec.whatwg.org/#concept-header-extract-mime-type, for the type of a `Blob`. */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const QUOTABLE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TRAILING_SPACE = /[\t\n\r ]+$/;
/** A part of a value up to a comma that stands in no quotes. */
const PARTS = /(?:"(?:\\.|[^"\\])*(?:"|\\?$)|[^",])+/gs;
const PARAMETER = /;[\t\n\r ]*([^;=]*)(?:=("(?:\\.|[^"\\])*(?:"|\\?$)[^;]*|[^;]*))?/gs;

interface MimeType {
  essence: string;
  parameters: Map<string, string>;
}

/** The type in its canonical form; empty when none of the value's parts is one. */
export function extractMimeType(contentType: string | null): string {
  let found: MimeType | null = null;
  let charset: string | undefined;
  for (const [part] of (contentType ?? '').matchAll(PARTS)) {
    const type = parseMimeType(part.trim());
    if (type === null || type.essence === '*/*') continue;
    if (type.essence !== found?.essence) charset = type.parameters.get('charset');
    else if (charset !== undefined && !type.parameters.has('charset')) {
      type.parameters.set('charset', charset);
    }
    found = type;
  }
  return found === null ? '' : serialized(found);
}

function parseMimeType(text: string): MimeType | null {
  const semicolon = text.indexOf(';');
  const essence = (semicolon === -1 ? text : text.slice(0, semicolon)).replace(TRAILING_SPACE, '');
  const slash = essence.indexOf('/');
  if (!TOKEN.test(essence.slice(0, slash)) || !TOKEN.test(essence.slice(slash + 1))) return null;
  if (slash === -1) return null;
  const parameters = new Map<string, string>();
  if (semicolon !== -1) addParameters(parameters, text.slice(semicolon));
  return { essence: essence.toLowerCase(), parameters };
}

function addParameters(parameters: Map<string, string>, text: string): void {
  for (const [, rawName = '', rawValue] of text.matchAll(PARAMETER)) {
    if (rawValue === undefined) continue;
    const isQuoted = rawValue.startsWith('"');
    const value = isQuoted ? unquoted(rawValue) : rawValue.replace(TRAILING_SPACE, '');
    if (value === '' && !isQuoted) continue;
    const name = rawName.toLowerCase();
    if (TOKEN.test(name) && QUOTABLE.test(value) && !parameters.has(name)) {
      parameters.set(name, value);
    }
  }
}

/** What stands in the quotes; those at the end may be missing. */
function unquoted(text: string): string {
  const [, inner = ''] = /^"((?:\\.|[^"\\])*\\?)/s.exec(text) ?? [];
  return inner.replace(/\\(.)/gs, '$1');
}

function serialized({ essence, parameters }: MimeType): string {
  let text = essence;
  for (const [name, value] of parameters) {
    text += `;${name}=${TOKEN.test(value) ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`}`;
  }
  return text;
}
