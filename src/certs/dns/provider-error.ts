import { PlatformError } from '../../protocol/errors.ts';
import { printableLine } from '../../std/printable.ts';

/** As much as is repeated of what a provider says about itself. */
const SHOWN_CHARACTERS = 300;

/** What the operator has to change in the provider's settings; trying again changes nothing. */
export function settingsRefused(message: string, hint: string, cause?: unknown): PlatformError {
  return new PlatformError('config-invalid', message, { hint, cause });
}

/** What may go by itself. */
export function providerFailed(message: string, hint: string, cause?: unknown): PlatformError {
  return new PlatformError('unavailable', message, { hint, cause });
}

/** Foreign text for a message. */
export function shown(text: string): string {
  return printableLine(text.trim().replaceAll(/\s+/g, ' '), SHOWN_CHARACTERS);
}

/** The zones in which a name may be kept, closest first: itself, then what is above it. */
export function possibleZones(name: string): string[] {
  const labels = name.split('.');
  const zones = labels.map((_, start) => labels.slice(start).join('.'));
  // No provider has the zone of a whole top-level domain for a customer.
  const own = zones.filter((zone) => zone.includes('.'));
  return own.slice(-MAX_ZONE_LABELS);
}

/** Each costs a call; names that are deeper have their zone nearer to the top. */
const MAX_ZONE_LABELS = 10;
