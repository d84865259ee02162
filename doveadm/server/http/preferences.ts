/**
 * What a client asks for beyond Dovecot's API, in the header Prefer (RFC 7240).
 *
 * @module
 */

/** What a client asks for beyond Dovecot's API. */
export interface Preferences {
  /** "doveadm-log": the failure code and the log lines of each command. */
  readonly log: boolean;
  /** "doveadm-rows": the rows that a command returned before it failed. */
  readonly rows: boolean;
  /** "doveadm-base64": raw bytes as base64. */
  readonly base64: boolean;
}

const names: readonly (keyof Preferences)[] = ["log", "rows", "base64"];

/** Reads the header Prefer; unknown preferences are ignored. */
export function readPreferences(headers: Headers): Preferences {
  const asked = (headers.get("prefer") ?? "").split(",")
    .map((preference) => preference.split(/[;=]/)[0].trim().toLowerCase());
  const has = (name: keyof Preferences) => asked.includes(`doveadm-${name}`);
  return { log: has("log"), rows: has("rows"), base64: has("base64") };
}

/** The header Preference-Applied; no header if nothing was asked for. */
export function appliedPreferences(preferences: Preferences): Readonly<Record<string, string>> {
  const applied = names.filter((name) => preferences[name]).map((name) => `doveadm-${name}`);
  return applied.length === 0 ? {} : { "Preference-Applied": applied.join(", ") };
}
