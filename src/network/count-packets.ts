import { readFileSync } from 'node:fs';

/** How many packets an interface of this process's own network has received; null where there is no such interface. */
export function countPackets(name: string): number | null {
  try {
    // proc_pid_net(5): its name, bytes, packets.
    const line = new RegExp(`^\\s*${name}:\\s*\\d+\\s+(\\d+)`, 'm');
    const packets = line.exec(readFileSync('/proc/self/net/dev', 'utf8'))?.[1];
    return packets === undefined ? null : Number(packets);
  } catch {
    return null; // Descriptors have run out, say.
  }
}
