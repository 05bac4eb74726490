// Wall clocks of a time zone. Days have 23, 24 or 25 hours, and what is on a
// clock may be there never or twice.

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

/** The viewer's own zone, IANA. */
export const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${name}`;
  let f = formats.get(key);
  if (!f) formats.set(key, (f = new Intl.DateTimeFormat(name === "wall" ? "en-US" : undefined, { ...options, timeZone: zone })));
  return f;
}

const offsets = new Map<string, number>();

/** How far a zone's clock is ahead of UTC at an instant, in milliseconds. */
export function offset(ms: number, zone: string): number {
  if (zone === "UTC") return 0;
  const quarter = Math.floor(ms / (15 * minute)); // offsets change at quarters of an hour only
  const key = `${zone} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  if (offsets.size > 5000) offsets.clear();
  const at = quarter * 15 * minute;
  const parts: Record<string, number> = {};
  const wall = format(zone, "wall", {
    year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23", era: "short",
  });
  for (const { type, value } of wall.formatToParts(at)) parts[type] = Number(value);
  const seen = Date.UTC(parts["year"]!, parts["month"]! - 1, parts["day"]!, parts["hour"]!, parts["minute"]!, parts["second"]!);
  offsets.set(key, seen - at);
  return seen - at;
}

/** A clock's reading as if it were UTC: for Date's UTC getters. */
export const wall = (ms: number, zone: string): Date => new Date(ms + offset(ms, zone));

/**
 * The instant at which a zone's clock reads this. Of two, the first; of none,
 * as much later as the clock was put forward.
 */
export function instant(reading: number, zone: string): number {
  const before = reading - offset(reading - day, zone);
  const after = reading - offset(reading + day, zone);
  for (const at of [Math.min(before, after), Math.max(before, after)]) {
    if (at + offset(at, zone) === reading) return at;
  }
  return before;
}

/** The first instant of the day that this one is in, or of one so many days later. */
export function startOfDay(ms: number, zone: string, days = 0): number {
  const w = wall(ms, zone);
  return instant(Date.UTC(w.getUTCFullYear(), w.getUTCMonth(), w.getUTCDate() + days), zone);
}

const two = (n: number) => String(n).padStart(2, "0");

/** 2026-11-22 */
export function dateText(ms: number, zone: string): string {
  return wall(ms, zone).toISOString().slice(0, 10);
}

/** 20:15, with seconds where they are not zero or asked for: 20:15:07 */
export function clockText(ms: number, zone: string, seconds = false): string {
  const w = wall(ms, zone);
  const text = `${two(w.getUTCHours())}:${two(w.getUTCMinutes())}`;
  return seconds || w.getUTCSeconds() || w.getUTCMilliseconds() ? `${text}:${two(w.getUTCSeconds())}` : text;
}

/** 20:15:07.040, digits after the seconds only where needed: what a field of a form has. */
export function exactClockText(ms: number, zone: string): string {
  return wall(ms, zone).toISOString().slice(11, 23).replace(/\.000$/, "");
}

/** Sun 22 Nov */
export function dayText(ms: number, zone: string): string {
  return format(zone, "day", { weekday: "short", day: "numeric", month: "short" }).format(ms);
}

/** 2026-11-22 and 20:15:07.04 as an instant; NaN if that is no date or time. */
export function readWall(date: string, clock: string, zone: string): number {
  const d = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date.trim());
  const c = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,3}))?)?$/.exec(clock.trim());
  if (!d || !c) return NaN;
  const [h, m, s] = [Number(c[1]), Number(c[2]), Number(c[3] ?? 0)];
  if (h > 23 || m > 59 || s > 59) return NaN;
  return instant(Date.UTC(Number(d[1]), Number(d[2]) - 1, Number(d[3]), h, m, s, Number((c[4] ?? "").padEnd(3, "0"))), zone);
}

/** A length in milliseconds: 1:30:00, 12:34.5, 0:07. */
export function lengthText(ms: number): string {
  const exact = Math.max(0, Math.round(ms));
  const s = Math.floor(exact / second);
  const digits = exact % second ? `.${String(exact % second).padStart(3, "0").replace(/0+$/, "")}` : "";
  const h = Math.floor(s / 3600);
  const rest = `${two(s % 60)}${digits}`;
  return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${rest}` : `${Math.floor(s / 60)}:${rest}`;
}

/** A length as people write it: 1:30:00, 12:34.5, 90 (seconds), 45m, 1h30m; NaN if it is none. */
export function readLength(text: string): number {
  const t = text.trim().toLowerCase().replace(",", ".");
  const colons = /^(?:(\d+):)?(\d{1,3}):(\d{2}(?:\.\d{1,3})?)$/.exec(t);
  if (colons) return Math.round((Number(colons[1] ?? 0) * 3600 + Number(colons[2]) * 60 + Number(colons[3])) * second);
  if (/^\d+(\.\d{1,3})?$/.test(t)) return Math.round(Number(t) * second);
  const units = /^(?:(\d+(?:\.\d+)?)\s*h)?\s*(?:(\d+(?:\.\d+)?)\s*m(?:in)?)?\s*(?:(\d+(?:\.\d+)?)\s*s)?$/.exec(t);
  if (!units || !t) return NaN;
  return Math.round(Number(units[1] ?? 0) * hour + Number(units[2] ?? 0) * minute + Number(units[3] ?? 0) * second);
}

/** Where an axis has ticks: every step of the zone's clock within [from, to). */
export function ticks(from: number, to: number, step: number, zone: string): number[] {
  const list: number[] = [];
  if (step >= day) {
    // Multiples of days are counted from a fixed Monday, so that they stay where they are.
    const days = Math.round(step / day);
    for (let at = startOfDay(from, zone); at < to; at = startOfDay(at + 12 * hour, zone, 1)) {
      const number = Math.round((at + offset(at, zone)) / day) - 4;
      if (number % days === 0) list.push(at);
    }
    return list;
  }
  for (let midnight = startOfDay(from, zone); midnight < to; midnight = startOfDay(midnight + 12 * hour, zone, 1)) {
    const next = startOfDay(midnight + 12 * hour, zone, 1);
    if (step > hour) {
      const reading = midnight + offset(midnight, zone);
      for (let h = 0; h < day; h += step) list.push(instant(reading + h, zone));
    } else {
      for (let at = midnight; at < next; at += step) list.push(at);
    }
  }
  return list.filter((at) => at >= from && at < to);
}
