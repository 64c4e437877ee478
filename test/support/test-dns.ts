import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

/** A name server of tests, in which records come and go. Names are without a final dot. */
export interface TestDns extends AsyncDisposable {
  /** `address:port`, as FN_DNS_SERVERS has it. */
  readonly server: string;
  /** Replaces all TXT records of a name. */
  setTxt(name: string, ...values: string[]): Promise<void>;
  setCname(name: string, target: string | null): Promise<void>;
  setAddresses(name: string, ...addresses: string[]): Promise<void>;
}

const PROGRAM = '/usr/bin/pebble-challtestsrv';

/** Starts pebble-challtestsrv, which comes with Debian's pebble, as a name server alone; root installs it when it is missing. */
export async function startTestDns(): Promise<TestDns> {
  if (!existsSync(PROGRAM)) {
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'pebble'], {
      stdio: 'ignore',
    });
  }
  const [dns, management] = [await freePort(), await freePort()];
  const child = spawn(
    PROGRAM,
    [
      `-management=127.0.0.1:${management}`,
      `-dns01=127.0.0.1:${dns}`,
      ...['defaultIPv4', 'defaultIPv6', 'http01', 'https01', 'tlsalpn01'].map((off) => `-${off}=`),
    ],
    { stdio: 'ignore' },
  );
  const call = async (path: string, body: object): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${management}/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`pebble-challtestsrv ${path}: ${answer.status}`);
  };
  await eventually(() => call('clear-txt', { host: 'nobody.test.' }));
  return {
    server: `127.0.0.1:${dns}`,
    async setTxt(name, ...values) {
      await call('clear-txt', { host: `${name}.` });
      for (const value of values) await call('set-txt', { host: `${name}.`, value });
    },
    setCname: (name, target) =>
      target === null
        ? call('clear-cname', { host: `${name}.` })
        : call('set-cname', { host: `${name}.`, target: `${target}.` }),
    async setAddresses(name, ...addresses) {
      await call('clear-a', { host: `${name}.` });
      if (addresses.length > 0) await call('add-a', { host: `${name}.`, addresses });
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}
