import { resolveStack } from '../../build/index.ts';

const INDENT = '       ';

/** Tells of stacks of one version's code in positions of the developer's files. */
export interface SourceStacks {
  /** Lines to print below the message: the source around the innermost call, then its callers. */
  explain(stack: string): string[];
  /** A printed text, with its calls where they stand in the sources. */
  translate(text: string): string;
}

export function createSourceStacks(
  files: readonly { path: string; content: Uint8Array }[],
): SourceStacks {
  const maps = files.filter(({ path }) => path.endsWith('.map'));

  /** The stack by the map of whichever file has a part in it; null for a text that is no stack of ours. */
  function resolve(text: string) {
    for (const { path, content } of maps) {
      const file = path.slice(0, -'.map'.length);
      if (!text.includes(`${file}:`)) continue;
      const resolved = resolveStack(text, Buffer.from(content).toString(), file);
      if (resolved.calls.length > 0) return resolved;
    }
    return null;
  }

  return {
    explain: (stack) => {
      const resolved = resolve(stack);
      if (resolved === null) return [];
      const [innermost, ...callers] = resolved.calls.map(placeOf);
      return [innermost ?? '', ...resolved.frame, ...callers].map((line) => INDENT + line);
    },
    translate: (text) => {
      if (!/\n\s+at /.test(text)) return text;
      const resolved = resolve(text);
      if (resolved === null) return text;
      return [resolved.title, ...resolved.calls.map((call) => `    at ${placeOf(call)}`)].join(
        '\n',
      );
    },
  };
}

function placeOf(call: {
  name: string | null;
  file: string;
  line: number;
  column: number;
}): string {
  const place = `${call.file}:${call.line}:${call.column}`;
  return call.name === null ? place : `${call.name} (${place})`;
}
