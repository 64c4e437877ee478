import type { CommitInfo } from '../protocol/git-front.ts';
import type { ObjectReader } from './object-reader.ts';
import { printable } from './printable.ts';

const MAX_TEXT_CHARACTERS = 200;

export interface ReadCommit extends CommitInfo {
  parents: string[];
}

/**
 * The commit that an id leads to, tags peeled; null for what is missing, ambiguous or leads to no commit. Ids are
 * full or abbreviated, hex digits only.
 */
export async function readCommit(objects: ObjectReader, id: string): Promise<ReadCommit | null> {
  const object = await objects.read(`${id}^{commit}`);
  return object === null ? null : parseCommit(object.id, object.content.toString('utf8'));
}

/** The fields of gitformat-commit's text: headers, an empty line, the message. */
function parseCommit(sha: string, content: string): ReadCommit {
  const headEnd = content.indexOf('\n\n');
  const head = headEnd === -1 ? content : content.slice(0, headEnd);
  const message = headEnd === -1 ? '' : content.slice(headEnd).trimStart();
  const fields = head.split('\n');
  const valuesOf = (name: string): string[] =>
    fields.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  return {
    sha,
    tree: valuesOf('tree')[0] ?? '',
    parents: valuesOf('parent'),
    subject: short(message.split('\n', 1)[0] ?? ''),
    // The time and its zone follow the address.
    author: short((valuesOf('author')[0] ?? '').replace(/ -?\d+ [+-]\d{4}$/, '')),
  };
}

export function toCommitInfo({ sha, tree, subject, author }: ReadCommit): CommitInfo {
  return { sha, tree, subject, author };
}

function short(text: string): string {
  return printable(text).slice(0, MAX_TEXT_CHARACTERS);
}
