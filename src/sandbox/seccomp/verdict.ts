/** What the kernel does with a call: the return values of a filter (linux/seccomp.h), and Linux' error numbers. */
export type Verdict = number;

export const ALLOW: Verdict = 0x7fff_0000;
/** Ends the whole process by SIGSYS, not only the thread that called. */
export const KILL: Verdict = 0x8000_0000;

/** The call is not made; its caller is told this error. The numbers are those of x64 and arm64. */
export const ERRORS = {
  EPERM: 1,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSYS: 38,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EAFNOSUPPORT: 97,
} as const;

export type ErrorName = keyof typeof ERRORS;

const ERRNO_ACTION = 0x0005_0000;

export function refuse(error: ErrorName): Verdict {
  return ERRNO_ACTION | ERRORS[error];
}
