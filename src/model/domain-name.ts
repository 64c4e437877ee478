import { domainToASCII, domainToUnicode } from 'node:url';
import { printableLine } from '../std/printable.ts';

/** What somebody wrote as a domain. */
export type DomainNameReading =
  | {
      kind: 'name';
      /** A-labels in lower case without a final dot; a wildcard keeps its `*.`. */
      name: string;
      isWildcard: boolean;
    }
  | {
      kind: 'refused';
      /** A sentence: what was found, and what to write in its place. */
      reason: string;
    };

const MAX_NAME_CHARACTERS = 253; // RFC 1035 section 2.3.4, without the length of the first label and the root.
const MAX_LABEL_CHARACTERS = 63;
/** IDNA takes time by length; no name of 253 A-label characters is longer than this in any spelling that is used. */
const MAX_WRITTEN_CHARACTERS = 1_000;
/** As much of what was written as a message repeats. */
const SHOWN_CHARACTERS = 80;

/** Of ASCII, what a name is written with: letters, digits and hyphens (RFC 1123 section 2.1), dots, and a star. */
const ODD_ASCII = /[^a-zA-Z0-9.*\-\u0080-\u{10ffff}]/u;
/** To every URL parser a name that ends so is an IPv4 address (WHATWG URL, "ends in a number"). */
const NUMERIC = /^(?:\d+|0x[0-9a-f]*)$/;
/** A label with hyphens in third and fourth place is reserved but for IDNs (RFC 5890 section 2.3.1); CAs refuse it. */
const RESERVED = /^(?!xn)..--/;

/** Reads the name of a host that may have a certificate: the one spelling in which the platform keeps and compares names. */
export function readDomainName(text: string): DomainNameReading {
  const written = text.trim();
  const problem = problemOfSpelling(written);
  if (problem !== null) return refused(problem);
  const isWildcard = written.startsWith('*.');
  const bare = (isWildcard ? written.slice(2) : written).replace(/\.$/, '');
  if (bare.includes('*')) {
    return refused(
      `"${show(written)}" has a star elsewhere than before its first dot: write "*.example.com" for all names one level below`,
    );
  }
  // Node answers '' for what no IDN can be made of.
  const name = domainToASCII(bare);
  const invalid = problemOfName(bare, name);
  if (invalid !== null) return refused(invalid);
  const whole = isWildcard ? `*.${name}` : name;
  if (whole.length > MAX_NAME_CHARACTERS) return refused(tooLong(written, whole.length));
  return { kind: 'name', name: whole, isWildcard };
}

function problemOfSpelling(written: string): string | null {
  if (written === '') return 'no name was given: write one such as "www.example.com"';
  if (written.length > MAX_WRITTEN_CHARACTERS) return tooLong(written, written.length);
  if (written.includes('/')) {
    return `"${show(written)}" is a URL or a path: write the host name alone, such as "www.example.com"`;
  }
  if (/^\[|:.*:/.test(written)) return isAddress(written);
  if (/:\d*$/.test(written)) return `"${show(written)}" has a port: leave it out`;
  if (written.includes('_')) {
    return `"${show(written)}" has an underscore: no CA signs such a name; use a hyphen in its place`;
  }
  const odd = ODD_ASCII.exec(written)?.[0];
  if (odd === undefined) return null;
  const shown = JSON.stringify(odd);
  return `"${show(written)}" has the character ${shown}: a name has letters, digits, hyphens and dots`;
}

/** @param name what IDNA made of it; empty when nothing could be made */
function problemOfName(bare: string, name: string): string | null {
  const shown = show(bare);
  // A final dot is gone by now: "a.." has two.
  if (bare.split('.').includes('')) return `"${shown}" has an empty part: write one dot at a time`;
  const long = name.split('.').find((label) => label.length > MAX_LABEL_CHARACTERS);
  if (long !== undefined) {
    return `"${show(long)}" is ${long.length} characters as DNS has it: a part of a name has at most ${MAX_LABEL_CHARACTERS}`;
  }
  const labels = name.split('.');
  if (NUMERIC.test(labels.at(-1) ?? '') || NUMERIC.test(bare.split('.').at(-1) ?? '')) {
    return isAddress(bare);
  }
  if (name === '' || labels.some(isUndecodable)) {
    return `"${shown}" is no internationalised name (IDNA, RFC 5891): check the spelling, also of what follows "xn--"`;
  }
  const odd = labels.find((label) => !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label));
  if (odd !== undefined) {
    return `"${show(odd)}" in "${shown}" is no part of a host name: it begins and ends with a letter or digit`;
  }
  const reserved = labels.find((label) => RESERVED.test(label));
  if (reserved !== undefined) {
    return `"${reserved}" in "${shown}" has "--" in third place, which is reserved (RFC 5890): no CA signs it; use another name`;
  }
  if (labels.length === 1 && name !== 'localhost') {
    return `"${shown}" is one word: write the whole name, such as "${show(name)}.example.com"`;
  }
  return null;
}

/** What follows `xn--` has to stand for something: Node leaves as it is what decodes to nothing, or to another label. */
function isUndecodable(label: string): boolean {
  return label.startsWith('xn--') && domainToUnicode(label) === label;
}

function isAddress(written: string): string {
  return `"${show(written)}" is an IP address: write the name of a host`;
}

function tooLong(written: string, length: number): string {
  return `"${show(written)}" is ${length} characters: a name has at most ${MAX_NAME_CHARACTERS}`;
}

function refused(reason: string): DomainNameReading {
  return { kind: 'refused', reason };
}

function show(text: string): string {
  return printableLine(text, SHOWN_CHARACTERS);
}
