/** The few rules of HTTP/1.1's syntax that are needed on both sides of the door (RFC 9110 section 5, RFC 9112). */

/** `token` of RFC 9110 section 5.6.2: methods and the names of fields. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** `field-value` of RFC 9110 section 5.5, with the bytes above ASCII that it calls obsolete. */
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
