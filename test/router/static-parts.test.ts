import { describe, expect, it } from 'vitest';
import { chooseEncoding } from '../../src/router/static/static-encoding.ts';
import { cacheControl, contentType } from '../../src/router/static/static-type.ts';

describe('the encoding of a file that is stored in all of them', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['x-gzip', 'gzip'],
    ['deflate', 'identity'],
    ['*', 'br'],
    ['GZIP', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0.5, gzip;q=0.5', 'br'],
    ['br ; Q=0.1', 'br'],
    ['br;q=0, *;q=0.5', 'gzip'],
    ['identity, br;q=0.5', 'identity'],
    ['identity;q=0.5, gzip;q=0.4', 'identity'],
    ['identity;q=1, *;q=0', 'identity'],
    ['identity;q=0, gzip;q=0.001', 'gzip'],
    ['br;q=0, gzip;q=0', 'identity'],
    ['*;q=0', 'identity'],
    ['identity;q=0', 'identity'],
    ['br;q=1.5, gzip', 'gzip'],
    ['br;q=, gzip', 'gzip'],
    ['br;q=abc', 'identity'],
    ['br;level=4', 'br'],
    ['gzip, gzip;q=0', 'gzip'],
    [',,;q=1,', 'identity'],
  ])('%s: %s', (accepted, encoding) => {
    expect(chooseEncoding(accepted, { br: 1, gzip: 1 })).toBe(encoding);
  });

  it('is one that is stored', () => {
    expect(chooseEncoding('br, gzip', { gzip: 1 })).toBe('gzip');
    expect(chooseEncoding('br, gzip', {})).toBe('identity');
  });
});

describe('the type of a file', () => {
  it.each([
    ['/index.html', 'text/html; charset=utf-8'],
    ['/a.b/app.MJS', 'text/javascript; charset=utf-8'],
    ['/app.js.map', 'application/json'],
    ['/photo.JPG', 'image/jpeg'],
    ['/site.webmanifest', 'application/manifest+json'],
    ['/LICENSE', 'application/octet-stream'],
    ['/html', 'application/octet-stream'],
    ['/a.html/b', 'application/octet-stream'],
    ['/x.constructor', 'application/octet-stream'],
    ['/x.', 'application/octet-stream'],
  ])('%s is %s', (path, type) => {
    expect(contentType(path)).toBe(type);
  });
});

describe('caching', () => {
  it.each([
    '/assets/index-BmVf1c2A.js',
    '/assets/index-B_V-1c2A.css',
    '/assets/logo.D4f5G6h7.svg',
    '/static/js/main.3f2a1b9c.chunk.js',
    '/static/js/main.3f2a1b9c.js.map',
    '/chunk-ABC2DE3F.js',
    '/_next/static/chunks/pages/_app-0a1b2c3d4e5f6a7b.js',
    '/fonts/inter.0123456789abcdef0123.woff2',
  ])('%s is kept for ever', (path) => {
    expect(cacheControl(path)).toBe('public, max-age=31536000, immutable');
  });

  it.each([
    '/index.html',
    '/',
    '/app.js',
    '/jquery-migrate.js',
    '/some-document.js',
    '/photos/beach-20240101.jpg',
    '/photos/my-iPhone15.jpg',
    '/photos/holiday-DSC23456.jpg',
    '/Annual-Report24.pdf',
    '/session-face2024.png',
    '/index-BmVf1c2A.html',
    '/data.3f2a1b9c.json',
    '/3f2a1b9c.js',
    '/index-3f2a1b9c/app.js',
    '/a-deadbeef.js',
  ])('%s is asked for again', (path) => {
    expect(cacheControl(path)).toBe('public, max-age=0, must-revalidate');
  });
});
