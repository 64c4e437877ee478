import type { BundlesPort } from './ports.ts';
import { type ResolvedCall, resolveStack } from './resolve-stack.ts';

const DETAIL_INDENT = '       ';
/** The innermost code file of a bundle that a stack names, as workers load it. */
const CODE_PLACE = /\/code\/([\w-]+\.js):\d+/;

/** Lines that show where in the pusher's source a stack of a bundle came from; none when that is unknown. */
export async function explainStack(
  bundles: Pick<BundlesPort, 'readFile'>,
  bundle: string,
  stack: string,
): Promise<string[]> {
  const file = CODE_PLACE.exec(stack)?.[1];
  if (file === undefined) return [];
  const map = await bundles.readFile(bundle, `${file}.map`);
  const { calls, frame } = resolveStack(stack, Buffer.from(map).toString(), file);
  const innermost = calls[0];
  if (innermost === undefined) return [];
  return [placeOf(innermost), ...frame, ...calls.slice(1).map(describeCall)].map(
    (line) => DETAIL_INDENT + line,
  );
}

function placeOf({ file, line, column }: ResolvedCall): string {
  return `${file}:${line}:${column}`;
}

function describeCall(call: ResolvedCall): string {
  return call.name === null
    ? `called at ${placeOf(call)}`
    : `called by ${call.name}, ${placeOf(call)}`;
}
