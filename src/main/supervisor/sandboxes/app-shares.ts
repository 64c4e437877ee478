import type { CgroupDriver, Sandbox } from '../../../sandbox/index.ts';
import type { Clock } from '../../../std/clock.ts';

const NORMAL_WEIGHT = 100;
/** How often it is looked at who takes how much. */
const LOOK_MS = 100;
/** Who has taken more than this of a fair share gives way: so others always find the rest of the machine free at once. */
const LARGE_SHARE = 1 / 2;
/** Of the whole machine: below it there is room for everybody, and nobody has to be looked at. */
const BUSY_SHARE = 1 / 4;
/** Of one core; the shares of apps that take less are for the others. */
const ACTIVE_SHARE = 1 / 100;
/** Of one core: what control, git and the database may take without giving way to requests. */
const OFFICE_SHARE = 1 / 2;
const ZYGOTES = 'zygotes';

type Consumer = Pick<Sandbox, 'processor' | 'exited'>;
type Machine = Pick<CgroupDriver, 'sandboxes' | 'office' | 'openLevel'> & {
  cores: number;
  clock: Clock;
};

/** What is no app's, and takes one share together. */
type Unowned = typeof ZYGOTES | 'builds';

interface Member {
  sandboxes: Set<Consumer>;
  /** The group that an app's sandboxes are moved into; null where each stands by itself. */
  level: ReturnType<CgroupDriver['openLevel']>;
  yields: boolean;
}

/**
 * Divides the processor among apps (docs/decisions/0012 and 0017). An app with thirty busy workers weighs as much as one
 * with a single worker. And who has just had more than half of a fair share yields: an app that does little then has
 * the processor in the moment in which a request wakes it, and not at the end of somebody's turn. An app that yields and
 * is left with too little has little the next time, and yields no more.
 */
export class AppShares {
  readonly #machine: Machine;
  readonly #members = new Map<string, Member>();
  #cancelLook: (() => void) | null = null;
  #lastLook: Look | null = null;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Until it has ended. */
  join(app: string, sandbox: Consumer): void {
    this.#leave(ZYGOTES, sandbox);
    const key = `app ${app}`;
    const member = this.#members.get(key) ?? this.#open(key, this.#openLevel());
    this.#add(member, sandbox);
    divide(member);
    void sandbox.exited.then(() => this.#leaveApp(key, sandbox));
  }

  /**
   * Until it has ended, or has become an app's. Its weight stays as it is. Zygotes boot ahead of who will need them, and
   * yield until they have booted: a boot takes ten times what a cold start does, which would otherwise wait for it.
   */
  joinUnowned(kind: Unowned, sandbox: Consumer): void {
    this.#add(this.#members.get(kind) ?? this.#open(kind, null), sandbox);
    void sandbox.exited.then(() => this.#leave(kind, sandbox));
  }

  /**
   * A zygote waits, and takes nothing until it becomes an app's. It has the processor then as soon as it wakes, and not
   * once it has been moved.
   */
  booted(zygote: Consumer): void {
    zygote.processor.setYielding(false);
  }

  /** Null as well when the system has no room for it: then its sandboxes stand by themselves. */
  #openLevel(): Member['level'] {
    try {
      return this.#machine.openLevel();
    } catch {
      return null;
    }
  }

  #open(key: string, level: Member['level']): Member {
    const member: Member = { sandboxes: new Set(), level, yields: key === ZYGOTES };
    this.#members.set(key, member);
    return member;
  }

  #add({ sandboxes, level, yields }: Member, sandbox: Consumer): void {
    sandboxes.add(sandbox);
    if (level === null) sandbox.processor.setYielding(yields);
    else sandbox.processor.moveInto(level);
    if (this.#cancelLook === null) this.#look();
  }

  #leaveApp(key: string, sandbox: Consumer): void {
    const member = this.#members.get(key);
    this.#leave(key, sandbox);
    if (member !== undefined) divide(member);
  }

  #leave(key: string, sandbox: Consumer): void {
    const member = this.#members.get(key);
    if (member === undefined) return;
    member.sandboxes.delete(sandbox);
    if (member.sandboxes.size === 0) this.#members.delete(key);
    if (this.#members.size === 0) this.#rest();
  }

  /** Nobody is there to be looked at. */
  #rest(): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
    this.#lastLook = null;
    try {
      this.#machine.sandboxes.setYielding(false);
      this.#machine.office.setYielding(false);
    } catch {
      // Short of descriptors: whoever is started next is looked at again.
    }
  }

  #look(): void {
    this.#cancelLook = this.#machine.clock.after(LOOK_MS, () => this.#look());
    try {
      this.#decide();
    } catch {
      // Short of descriptors: it is looked at the next time.
      this.#lastLook = null;
    }
  }

  /** Looks who took how much since the last time, and decides who yields until the next. */
  #decide(): void {
    const { cores, sandboxes, office, clock } = this.#machine;
    const before = this.#lastLook;
    const atMs = clock.monotonicMs();
    const look: Look = { atMs, all: sandboxes.usedUs(), office: office.usedUs(), used: null };
    this.#lastLook = look;
    if (before === null || look.all === null || before.all === null) return;
    const spanUs = (atMs - before.atMs) * 1_000;
    const share = (look.all - before.all) / (spanUs * cores);
    sandboxes.setYielding(share > LARGE_SHARE);
    office.setYielding((look.office ?? 0) - (before.office ?? 0) > spanUs * OFFICE_SHARE);
    if (share > BUSY_SHARE) look.used = this.#usedUs();
    const large = whoTakesMuch(difference(look.used, before.used), { cores, spanUs });
    for (const [key, member] of this.#members) {
      this.#yield(member, key === ZYGOTES || large.has(key));
    }
  }

  #usedUs(): Map<string, Map<Consumer, number>> {
    const used = new Map<string, Map<Consumer, number>>();
    for (const [key, { sandboxes }] of this.#members) {
      const each = [...sandboxes].map((one) => [one, one.processor.usedUs() ?? 0] as const);
      used.set(key, new Map(each));
    }
    return used;
  }

  #yield(member: Member, yields: boolean): void {
    if (member.yields === yields) return;
    member.yields = yields;
    if (member.level !== null) return member.level.setYielding(yields);
    for (const sandbox of member.sandboxes) sandbox.processor.setYielding(yields);
  }
}

type Used = ReadonlyMap<string, ReadonlyMap<Consumer, number>>;

/** The counters at one moment. */
interface Look {
  atMs: number;
  all: number | null;
  office: number | null;
  /** Of each member's sandboxes; null when there was room for everybody. */
  used: Used | null;
}

/** What each took between two looks at both of which it was looked at. */
function difference(now: Used | null, before: Used | null): Map<string, number> {
  const taken = new Map<string, number>();
  if (now === null || before === null) return taken;
  for (const [key, sandboxes] of now) {
    let us = 0;
    for (const [sandbox, usedUs] of sandboxes) {
      us += Math.max(0, usedUs - (before.get(key)?.get(sandbox) ?? usedUs));
    }
    taken.set(key, us);
  }
  return taken;
}

/** Those that took more than half of what each would have, were the machine divided among all that take anything. */
export function whoTakesMuch(
  takenUs: ReadonlyMap<string, number>,
  { cores, spanUs }: { cores: number; spanUs: number },
): Set<string> {
  const active = [...takenUs.values()].filter((us) => us > spanUs * ACTIVE_SHARE).length;
  const fairUs = (cores * spanUs) / Math.max(1, active);
  const large = [...takenUs].filter(([, us]) => us > fairUs * LARGE_SHARE);
  return new Set(large.map(([key]) => key));
}

/** Within a level they are equal, and the level has the app's weight. */
function divide({ sandboxes, level }: Member): void {
  if (level !== null) return;
  for (const sandbox of sandboxes) sandbox.processor.setWeight(NORMAL_WEIGHT / sandboxes.size);
}
