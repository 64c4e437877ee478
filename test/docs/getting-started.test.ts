import { expect, it } from 'vitest';
import { usePlatform } from '../support/use-platform.ts';
import { runDocument } from './run-document.ts';

const platform = usePlatform();

it('docs/getting-started.md does what it says', async () => {
  expect(await runDocument('getting-started.md', platform())).toHaveLength(1);
}, 300_000);
