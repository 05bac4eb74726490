// Times are Unix milliseconds, as in the API. People see them in the zone of
// their browser, and in UTC where they point.
import { html, nothing, type TemplateResult } from "lit";

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const secondsFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

/** 20:15 */
export const clock = (ms: number): string => clockFormat.format(ms);
/** 20:15:07 */
export const clockSeconds = (ms: number): string => secondsFormat.format(ms);
/** Sun, 22 Nov */
export const day = (ms: number): string => dayFormat.format(ms);
/** 2026-11-22 19:15:07 UTC */
export const utc = (ms: number): string => new Date(ms).toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC");

/** A time as people of here read it, with UTC in its tooltip; nothing where there is none. */
export function time(ms: number | null | undefined, format: (ms: number) => string = clock): TemplateResult | typeof nothing {
  if (ms == null) return nothing;
  return html`<time datetime=${new Date(ms).toISOString()} title=${utc(ms)}>${format(ms)}</time>`;
}

/** A length of time in milliseconds: 1:02:03, 12:34, 0:07. */
export function length(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  return h > 0 ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** Seconds with a sign and as many digits as they deserve: +0.31 s, −12 s. */
export function signedSeconds(seconds: number): string {
  const text = Math.abs(seconds).toFixed(Math.abs(seconds) < 10 ? 2 : 0);
  return `${seconds < 0 && Number(text) !== 0 ? "\u2212" : "+"}${text}\u00a0s`;
}
