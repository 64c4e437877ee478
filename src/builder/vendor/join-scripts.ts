/** Code and its source map. */
export interface MappedCode {
  code: Uint8Array;
  map: Uint8Array;
}

const LINE_END = 0x0a;

/**
 * One script of `head`, on a line of its own, and the parts, each of which ends with its line. The map is an index
 * map: the maps of the parts as they are, and where each begins (ECMA-426, section 10).
 */
export function joinScripts(head: string, parts: readonly MappedCode[]): MappedCode {
  const code: Uint8Array[] = [Buffer.from(`${head}\n`)];
  const map: Uint8Array[] = [];
  let line = 1;
  for (const part of parts) {
    const start = `{"offset":{"line":${line},"column":0},"map":`;
    map.push(Buffer.from(`${map.length === 0 ? '' : ','}${start}`), part.map, Buffer.from('}'));
    code.push(part.code);
    line += countLines(part.code);
  }
  const sections = [Buffer.from('{"version":3,"sections":['), ...map, Buffer.from(']}')];
  return { code: Buffer.concat(code), map: Buffer.concat(sections) };
}

function countLines(code: Uint8Array): number {
  let count = 0;
  for (let at = code.indexOf(LINE_END); at >= 0; at = code.indexOf(LINE_END, at + 1)) count += 1;
  return count;
}
