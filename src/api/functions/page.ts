import { PlatformError } from '../../protocol/errors.ts';
import type { FunctionPlace, FunctionRow } from '../../store/functions.ts';

/** What continues behind that function. */
export function cursorBehind({ appName, name }: FunctionRow): string {
  return Buffer.from(JSON.stringify([appName, name])).toString('base64url');
}

/** @throws PlatformError bad-request */
export function readCursor(cursor: string | undefined): FunctionPlace | null {
  if (cursor === undefined) return null;
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(place) && place.length === 2 && place.every((one) => typeof one === 'string'))
      return { appName: String(place[0]), name: String(place[1]) };
  } catch {
    // Answered below.
  }
  throw new PlatformError('bad-request', 'the cursor is none of this list', {
    hint: 'begin without one; "next" of each page is the cursor of the page behind it',
  });
}
