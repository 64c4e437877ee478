const LOOPBACK =
  /^(?:localhost|.*\.localhost|127\.[\d.]+|::1|0\.0\.0\.0|::|::ffff:127\.[\d.]+)\.?$/i;

/** What leads nowhere but to the sandbox itself. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
