/** A real browser, told whom to trust by the commands that `fn certificates trust` shows. */
import { beforeAll, describe, expect, it } from 'vitest';
import { startChromium } from '../support/chromium.ts';
import { useLocalHttps } from '../support/local-https.ts';
import type { TestRepository } from '../support/repository.ts';

const local = useLocalHttps();

const PAGE = `export default (request) => new Response(
  '<!doctype html><title>A function</title><h1>Hello from ' + new URL(request.url).host + '</h1>'
  + '<script>document.body.dataset.secure = isSecureContext</script>',
  { headers: { 'content-type': 'text/html; charset=utf-8' } },
);
`;

let repository: TestRepository;

beforeAll(async () => {
  repository = await local().createRepository('page');
  await repository.commit({ 'index.js': PAGE });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
});

/** Of Chromium, from what the command shows. */
async function trustCommands(): Promise<string[]> {
  const { output } = await repository.fn('certificates', 'trust', '--json');
  const { ways } = JSON.parse(output) as { ways: { who: string; commands: string[] }[] };
  return ways.find(({ who }) => who.startsWith('Chromium'))?.commands ?? [];
}

describe('Chromium', () => {
  it('loads a function over HTTPS once it trusts the authority, and says that the page is secure', async () => {
    const host = `page.localhost:${local().httpsPort}`;
    await using trusting = await startChromium(await trustCommands());
    const page = await trusting.browser.newPage();
    const response = await page.goto(`https://${host}/`);
    expect(response?.status()).toBe(200);
    expect(await response?.securityDetails()).toMatchObject({
      issuer: expect.stringContaining('gitfn local CA') as string,
      protocol: 'TLS 1.3',
    });
    expect(await page.textContent('h1')).toBe(`Hello from ${host}`);
    expect(await page.getAttribute('body', 'data-secure')).toBe('true');

    await repository.git('checkout', '-q', '-b', 'look');
    await repository.commit({ 'index.js': PAGE.replace('Hello from', 'A preview of') });
    expect((await repository.push('look')).code).toBe(0);
    const preview = `look--page.localhost:${local().httpsPort}`;
    await page.goto(`https://${preview}/`);
    expect(await page.textContent('h1')).toBe(`A preview of ${preview}`);
  });

  it('refuses it as long as it was not told', async () => {
    await using strict = await startChromium([]);
    const page = await strict.browser.newPage();
    await expect(page.goto(`https://page.localhost:${local().httpsPort}/`)).rejects.toThrow(
      'net::ERR_CERT_AUTHORITY_INVALID',
    );
  });
});
