/**
 * What every answer of the control host tells browsers, over HTTP as well: it is data and no page, so that nothing of it runs,
 * is shown in a frame, is taken for a script or a style by its looks, or tells other sites its address. Pages of the
 * platform say what they need in place of the first.
 */
export const CONTROL_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;
