/**
 * Tells processes that the function starts of the proxy. The function's own environment does not have it: its
 * connections go through the channel already, and a library that reads the variables would take a detour.
 */
import { subscribe } from 'node:diagnostics_channel';

/** Node's own, published before a process starts; `envPairs` is what its environment will be. */
const SPAWN_STARTS = 'tracing:child_process.spawn:start';
const PROXY_NAME = /^(?:https?|all|no)_proxy=/i;
const NO_PROXY = 'localhost,127.0.0.1,::1';

/**
 * Until the process ends. `proxyPort` is called when the first process starts. `spawnSync` and its like are left
 * out: while they run nothing here answers, and a client would wait for ever instead of failing at once.
 */
export function tellChildrenOfProxy(proxyPort: () => number): void {
  subscribe(SPAWN_STARTS, (message) => {
    const { envPairs } = (message as { options?: { envPairs?: unknown } }).options ?? {};
    if (!Array.isArray(envPairs)) return;
    // Who names a proxy knows which.
    if (envPairs.some((pair) => PROXY_NAME.test(String(pair)))) return;
    envPairs.push(...proxyVariables(proxyPort()));
  });
}

/**
 * ALL_PROXY has the HTTP form, too: some libraries that find a socks URL there, and lack a package for it, fail at
 * whatever they do.
 */
function proxyVariables(port: number): string[] {
  const proxy = `http://127.0.0.1:${port}`;
  const values = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, NO_PROXY };
  const variables = Object.entries(values).flatMap(([name, value]) => [
    `${name}=${value}`,
    `${name.toLowerCase()}=${value}`,
  ]);
  // Node reads the others only if it is told to.
  return [...variables, 'NODE_USE_ENV_PROXY=1'];
}
