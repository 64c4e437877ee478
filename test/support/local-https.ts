import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { freePort } from './free-port.ts';
import { type Platform, startPlatform } from './platform.ts';
import { createRepository, type TestRepository } from './repository.ts';

/** A platform with a certificate authority of its own. */
export interface LocalHttps {
  platform: Platform;
  httpsPort: number;
  caFile: string;
  /** Connected by `fn init` over HTTPS. */
  createRepository(app: string): Promise<TestRepository>;
  /** The body that curl gets; what it says instead of one begins with `curl: `. */
  curl(host: string, caFile?: string): Promise<string>;
}

/** One for all tests of a file; it keeps its ports over restarts. */
export function useLocalHttps(): () => LocalHttps {
  let started: LocalHttps | null = null;
  beforeAll(async () => {
    const httpsPort = await freePort();
    const env = { HTTPS_PORT: String(httpsPort) };
    const platform = await startPlatform({ env, args: ['--local-https'] });
    const caFile = join(platform.dataDir, 'local-ca.crt');
    const url = `https://localhost:${httpsPort}`;
    started = {
      platform,
      httpsPort,
      caFile,
      createRepository: (app) =>
        createRepository({ url, adminToken: platform.adminToken, caFile }, app),
      curl: (host, ca = caFile) => curl(`https://${host}:${httpsPort}/`, ca),
    };
  });
  afterAll(async () => {
    await started?.platform[Symbol.asyncDispose]();
  });
  return () => {
    if (started === null) throw new Error('the platform starts before the first test');
    return started;
  };
}

async function curl(url: string, caFile: string): Promise<string> {
  const options = ['--silent', '--show-error', '--max-time', '20', '--cacert', caFile];
  try {
    const { stdout } = await promisify(execFile)('curl', [...options, url]);
    return stdout;
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}
