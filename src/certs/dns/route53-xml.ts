/** The few documents of Route 53 that a TXT record needs, which have no attributes and no element within its like. */

/** What stands in each element of the name, in order. */
export function elements(xml: string, name: string): string[] {
  const [begin, end] = [`<${name}>`, `</${name}>`];
  const found: string[] = [];
  let at = xml.indexOf(begin);
  while (at !== -1) {
    const from = at + begin.length;
    const to = xml.indexOf(end, from);
    if (to === -1) break;
    found.push(xml.slice(from, to));
    at = xml.indexOf(begin, to);
  }
  return found;
}

/** The text of the first element of the name; null where there is none. */
export function textOf(xml: string, name: string): string | null {
  const [first] = elements(xml, name);
  return first === undefined ? null : unescapeXml(first.trim());
}

export interface TxtSet {
  ttl: number;
  /** As in a zone file: quoted. */
  values: string[];
}

export type SetChange = { action: 'CREATE' | 'DELETE'; name: string; set: TxtSet };

export function changeDocument(changes: readonly SetChange[]): string {
  const inner = changes.map(({ action, name, set: { ttl, values } }) => {
    const records = values.map(
      (value) => `<ResourceRecord><Value>${escapeXml(value)}</Value></ResourceRecord>`,
    );
    return [
      `<Change><Action>${action}</Action><ResourceRecordSet>`,
      `<Name>${escapeXml(name)}</Name><Type>TXT</Type><TTL>${ttl}</TTL>`,
      `<ResourceRecords>${records.join('')}</ResourceRecords></ResourceRecordSet></Change>`,
    ].join('');
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">',
    `<ChangeBatch><Changes>${inner.join('')}</Changes></ChangeBatch>`,
    '</ChangeResourceRecordSetsRequest>',
  ].join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
const CHARACTERS = new Map(
  Object.entries(ENTITIES).map(([character, entity]) => [entity, character]),
);

function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

function unescapeXml(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|\w+);/gi, (entity, decimal, hex) => {
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    if (hex === undefined && decimal === undefined) return CHARACTERS.get(entity) ?? entity;
    return code <= 0x10_ffff ? String.fromCodePoint(code) : entity;
  });
}
