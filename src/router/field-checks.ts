/**
 * What data is told is data until it was looked at, field by field. A fault is a sentence that names the field; fields that
 * are not known are let be, since who tells may be newer.
 */

/** Null when all is well; otherwise what is not, after the value's own place: `.timeoutMs is no …`. */
export type Check = (value: unknown) => string | null;
export type Fields = Readonly<Record<string, Check>>;

export function named(name: string, check: Check): Check {
  return (value) => {
    const fault = check(value);
    return fault === null ? null : name + fault;
  };
}

export function object(fields: Fields): Check {
  const checks = Object.entries(fields);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return ' is no object';
    for (const [name, check] of checks) {
      const own = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
      const fault = check(own);
      if (fault !== null) return `.${name}${fault}`;
    }
    return null;
  };
}

export function list(check: Check, max = Infinity): Check {
  return (value) => {
    if (!Array.isArray(value)) return ' is no list';
    if (value.length > max) return ` has ${value.length} entries, more than ${max}`;
    for (const [index, entry] of value.entries()) {
      const fault = check(entry);
      if (fault !== null) return `[${index}]${fault}`;
    }
    return null;
  };
}

export function record(key: RegExp, check: Check): Check {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return ' is no object';
    for (const [name, entry] of Object.entries(value)) {
      if (!key.test(name)) return ` has the name ${shown(name)}`;
      const fault = check(entry);
      if (fault !== null) return `.${name}${fault}`;
    }
    return null;
  };
}

/** For lists of objects that one field tells apart. */
export function distinct(field: string): Check {
  return (value) => {
    const all = (value as Record<string, unknown>[]).map((entry) => entry[field]);
    return new Set(all).size === all.length ? null : ` has the same ${field} twice`;
  };
}

export function both(first: Check, second: Check): Check {
  return (value) => first(value) ?? second(value);
}

export function optional(check: Check): Check {
  return (value) => (value === undefined ? null : check(value));
}

export function orNull(check: Check): Check {
  return (value) => (value === null ? null : check(value));
}

export function oneOf(values: readonly unknown[]): Check {
  return (value) => (values.includes(value) ? null : ` is ${shown(value)}`);
}

export function matches(pattern: RegExp): Check {
  return (value) =>
    typeof value === 'string' && pattern.test(value) ? null : ` is ${shown(value)}`;
}

export function whole(min: number, max: number): Check {
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
      ? null
      : ` is ${shown(value)}, no whole number from ${min} to ${max}`;
}

export function text(value: unknown): string | null {
  return typeof value === 'string' ? null : ` is ${shown(value)}`;
}

const MAX_SHOWN_CHARACTERS = 100;

export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, MAX_SHOWN_CHARACTERS);
}
