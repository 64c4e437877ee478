import { describe, expect, it } from 'vitest';
import { presentWarnings } from '../../src/api/readiness/present.ts';
import type { Warning } from '../../src/model/warning.ts';

const warn = (kind: Warning['kind'], appId: string | null, message: string): Warning => ({
  kind,
  appId,
  message,
});
const WARNINGS = [
  warn('certificate', null, 'the certificate of fn.test is at-risk'),
  warn('certificate', 'app-1', 'the certificate of one.com is failing'),
  warn('certificate', 'app-2', 'the certificate of two.com is expired'),
  warn('domain', 'app-1', 'the domain one.com leads elsewhere'),
];
describe('what /readyz warns of', () => {
  it('names to strangers what is the platform’s own, and counts what is of apps', () => {
    expect(presentWarnings(WARNINGS, () => false)).toEqual([
      'the certificate of fn.test is at-risk',
      '2 certificates of apps need attention: fn certificates list',
      '1 domain of an app does not lead here: fn domains list --app APP',
    ]);
  });

  it('names to a token what it may see', () => {
    expect(presentWarnings(WARNINGS, () => true)).toEqual(WARNINGS.map(({ message }) => message));
    expect(presentWarnings(WARNINGS, (id) => id === 'app-1')).toEqual([
      'the certificate of fn.test is at-risk',
      'the certificate of one.com is failing',
      'the domain one.com leads elsewhere',
      '1 certificate of an app needs attention: fn certificates list',
    ]);
  });

  it('is bounded', () => {
    const many = Array.from({ length: 25 }, (_, at) => warn('domain', 'app-1', `${at}`));
    const shown = presentWarnings(many, () => true);
    expect(shown).toHaveLength(21);
    expect(shown.at(-1)).toBe('5 more');
  });
});
