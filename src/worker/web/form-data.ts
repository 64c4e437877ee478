/** `FormData` as the body of a message: https://html.spec.whatwg.org/#multipart-form-data */
import { Blob, type File } from 'node:buffer';
import { randomUUID } from 'node:crypto';

type Entries = Iterable<[name: string, value: string | File]>;

/**
 * Told by its name and its methods: asking for Node's class would load it, and those of packages that stand in for
 * it do as well.
 */
export function isFormData(value: object): value is Entries {
  const form = value as Record<PropertyKey, unknown>;
  return (
    form[Symbol.toStringTag] === 'FormData' &&
    typeof form[Symbol.iterator] === 'function' &&
    typeof form['getAll'] === 'function'
  );
}

/** Files are read when the body is. */
export function encodeFormData(form: Entries): { blob: Blob; type: string } {
  const boundary = `----formdata-${randomUUID()}`;
  const parts: (string | Blob)[] = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(lines(name))}"`;
    if (typeof value === 'string') parts.push(`${head}\r\n\r\n${lines(value)}\r\n`);
    else parts.push(`${head}${fileFields(value)}`, value, '\r\n');
  }
  parts.push(`--${boundary}--\r\n`);
  return { blob: new Blob(parts), type: `multipart/form-data; boundary=${boundary}` };
}

function fileFields({ name, type }: File): string {
  const filename = name === '' ? '' : `; filename="${quoted(name)}"`;
  return `${filename}\r\nContent-Type: ${type === '' ? 'application/octet-stream' : type}\r\n\r\n`;
}

function lines(text: string): string {
  return text.replace(/\r\n?|\n/g, '\r\n');
}

function quoted(text: string): string {
  return text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}
