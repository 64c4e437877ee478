/** Why a certificate that somebody has brought is not taken, in words, and how the certificate is called in them. */
import type { X509Certificate } from 'node:crypto';
import { printableLine } from '../../std/printable.ts';

const MAX_SHOWN_CHARACTERS = 120;

/** Bad input, which checkUploadedPair answers as data. */
export class Refusal extends Error {
  readonly hint: string;

  constructor(problem: string, hint: string) {
    super(problem);
    this.hint = hint;
  }
}

/** Its common name where it has one: what people know it by. */
export function nameOf(certificate: X509Certificate | undefined): string {
  const subject = certificate?.subject ?? '';
  const [, commonName] = /^CN=(.+)$/m.exec(subject) ?? [];
  const name = commonName ?? certificate?.subjectAltName ?? subject;
  return `"${printableLine(name, MAX_SHOWN_CHARACTERS)}"`;
}

export function shown(text: string): string {
  return printableLine(text.trim().replaceAll('\n', ', '), MAX_SHOWN_CHARACTERS);
}

/** `2026-11-22`, whatever form it came in. */
export function dayOf(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}
