const MAX_NAMES = 10_000;

/** hosts(5): addresses by name in lower case. */
export function readHosts(text: string): Map<string, string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    for (const name of names.map((word) => word.toLowerCase())) {
      if (hosts.size >= MAX_NAMES && !hosts.has(name)) return hosts;
      hosts.set(name, [...(hosts.get(name) ?? []), address ?? '']);
    }
  }
  return hosts;
}
