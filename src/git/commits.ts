import type { CommitInfo } from '../protocol/git-front.ts';
import { printableLine } from '../std/printable.ts';
import type { ObjectReader } from './object-reader.ts';

const MAX_TEXT_CHARACTERS = 200;

/** The commit that a full id leads to, tags peeled; null for what is missing or leads to no commit. */
export async function readCommit(objects: ObjectReader, id: string): Promise<CommitInfo | null> {
  const object = await objects.read(`${id}^{commit}`);
  return object === null ? null : parseCommit(object.id, object.content.toString('utf8'));
}

/** The fields of gitformat-commit's text: headers, an empty line, the message. */
function parseCommit(sha: string, content: string): CommitInfo {
  const headEnd = content.indexOf('\n\n');
  const head = headEnd === -1 ? content : content.slice(0, headEnd);
  const message = headEnd === -1 ? '' : content.slice(headEnd).trimStart();
  const fields = head.split('\n');
  const valueOf = (name: string): string =>
    fields.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? '';
  return {
    sha,
    tree: valueOf('tree'),
    subject: printableLine(message.split('\n', 1)[0] ?? '', MAX_TEXT_CHARACTERS),
    // The time and its zone follow the address.
    author: printableLine(valueOf('author').replace(/ -?\d+ [+-]\d{4}$/, ''), MAX_TEXT_CHARACTERS),
  };
}
