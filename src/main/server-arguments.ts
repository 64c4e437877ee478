/**
 * `fn server` with it runs functions although the self-test found a way out, or no sandbox starts at all, for whoever
 * trusts all that is pushed like their own.
 */
export const UNSAFE_SINGLE_TENANT = '--unsafe-single-tenant';
/** HTTPS for `*.localhost`, by an authority of this machine. */
export const LOCAL_HTTPS = '--local-https';
/** Given to the second start of the same process, inside its own mount namespace. */
export const IN_PRIVATE_NAMESPACE = '--in-private-namespace';
