import type { PublicAddress } from '../model/address.ts';
import { domainBase, isWildcard, MAX_DOMAIN_CHARACTERS } from '../model/domain.ts';
import { readDomainName } from '../model/domain-name.ts';
import { isPublicSuffix } from './public-suffix.ts';

export type NameChoice =
  | { kind: 'name'; name: string }
  /** Why not, in a sentence, and what to do. */
  | { kind: 'refused'; reason: string; hint: string };

/** Whether an app may have a name at all, whoever has it now. */
export function chooseName(
  text: string,
  { baseDomain, controlHost }: Pick<PublicAddress, 'baseDomain' | 'controlHost'>,
): NameChoice {
  const reading = readDomainName(text);
  const example = 'for example: fn domains add www.example.com';
  if (reading.kind === 'refused') return { ...reading, hint: example };
  const { name } = reading;
  const host = domainBase(name);
  const isWithin = (domain: string): boolean => host === domain || host.endsWith(`.${domain}`);
  if (isWithin(baseDomain) || host === controlHost || isWithin('localhost')) {
    const reason = `${name} is a name of this server itself: apps have their hosts below ${baseDomain} without asking`;
    return { kind: 'refused', reason, hint: 'name a domain of your own' };
  }
  if (isPublicSuffix(host)) {
    const what = isWildcard(name) ? `all names below ${host}` : host;
    const reason = `${what} can be nobody's own: anybody may register names below ${host}`;
    return { kind: 'refused', reason, hint: `name the domain that you registered, ${example}` };
  }
  if (host.length > MAX_DOMAIN_CHARACTERS) {
    const reason = `${name.slice(0, 60)}… has ${host.length} characters, which leaves no room for the record that proves it`;
    return {
      kind: 'refused',
      reason,
      hint: `use a name of at most ${MAX_DOMAIN_CHARACTERS} characters`,
    };
  }
  return { kind: 'name', name };
}
