// Where things are on the grid: pure functions of times and a scale.
import type { Aired } from "./aired.ts";
import type { Planned } from "./types.ts";
import { day, hour, minute, second } from "./zone.ts";

/** What can be seen at once, from near to far. */
export const spans = [5 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 8 * hour, 12 * hour, day, 2 * day, 3 * day, 7 * day] as const;

/** A time axis: pixel x is the instant origin + x / scale. */
export interface Axis {
  origin: number;
  /** Pixels per millisecond. */
  scale: number;
}

export const xOf = (axis: Axis, at: number): number => (at - axis.origin) * axis.scale;
export const atOf = (axis: Axis, x: number): number => axis.origin + x / axis.scale;

/** How far apart ticks with text are, and what dragging snaps to. */
export function stepsOf(scale: number): { tick: number; snap: number } {
  const steps = [10 * second, 30 * second, minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day];
  const tick = steps.find((s) => s * scale >= 72) ?? day;
  const snaps = [second, 5 * second, 10 * second, 30 * second, minute, 5 * minute, 15 * minute, 30 * minute, hour];
  const snap = snaps.find((s) => s * scale >= 7) ?? hour;
  return { tick, snap };
}

interface Placed {
  x: number;
  width: number;
  /** Unique within a channel. */
  key: string;
  from: number;
  to: number;
}
export interface EventCell extends Placed {
  kind: "event";
  event: Planned;
}
/** Several events that are too narrow to be seen apart. */
export interface ClusterCell extends Placed {
  kind: "cluster";
  events: Planned[];
}
export interface GapCell extends Placed {
  kind: "gap";
}
export type Cell = EventCell | ClusterCell | GapCell;

const narrow = 14; // pixels
const clusterWidth = 96;
const leastGap = 12;

/** The index of the first event that ends after an instant. */
export function firstAfter(events: readonly Planned[], at: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle]!.end_time > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The cells of a channel that overlap [from, to). Clusters begin anew at fixed
 * instants, so that they are the same whatever part of the day is looked at.
 */
export function cellsOf(events: readonly Planned[], loaded: { from: number; to: number }, axis: Axis, from: number, to: number): Cell[] {
  const bucket = clusterWidth / axis.scale;
  from = Math.max(Math.floor(from / bucket) * bucket, loaded.from);
  to = Math.min(to, loaded.to);
  const cells: Cell[] = [];
  if (from >= to) return cells;
  const place = (start: number, end: number) => ({ x: xOf(axis, start), width: Math.max((end - start) * axis.scale, 2), from: start, to: end });
  let i = firstAfter(events, from);
  let over = i > 0 ? events[i - 1]!.end_time : loaded.from;
  let cluster: ClusterCell | undefined;
  for (; ; i++) {
    const e = events[i];
    const start = Math.min(e?.start_time ?? loaded.to, loaded.to);
    if (over < start && (start - over) * axis.scale >= leastGap && over < to && start > from) {
      cells.push({ kind: "gap", key: `gap-${over}`, ...place(over, start) });
      cluster = undefined;
    }
    if (!e || e.start_time >= to) return cells;
    over = Math.max(over, e.end_time);
    if ((e.end_time - e.start_time) * axis.scale >= narrow) {
      cluster = undefined;
      cells.push({ kind: "event", event: e, key: e.id, ...place(e.start_time, e.end_time) });
      continue;
    }
    if (cluster && Math.floor(e.start_time / bucket) === Math.floor(cluster.from / bucket)) {
      cluster.events.push(e);
      Object.assign(cluster, place(cluster.from, e.end_time));
      continue;
    }
    cluster = { kind: "cluster", events: [e], key: `cluster-${e.id}`, ...place(e.start_time, e.end_time) };
    cells.push(cluster);
  }
}

/** A piece of the as-run band. */
export interface Piece {
  kind: "event" | "filler" | "slate" | "failed" | "mixed";
  x: number;
  width: number;
  row: Aired;
}

/** The as-run band within [from, to), with pieces joined that are too narrow to be seen apart. */
export function piecesOf(rows: readonly Aired[], axis: Axis, from: number, to: number, now: number): Piece[] {
  const pieces: Piece[] = [];
  for (const row of rows) {
    const end = Math.min(row.end, now, to);
    const start = Math.max(row.start, from);
    if (end <= start) continue;
    const kind = row.reason === "failed" ? "failed" : row.kind;
    const x = xOf(axis, start);
    const width = (end - start) * axis.scale;
    const last = pieces[pieces.length - 1];
    if (last && width < 3 && x - (last.x + last.width) < 1) {
      last.width = x + width - last.x;
      if (last.kind !== kind && last.kind !== "failed") last.kind = kind === "failed" ? "failed" : last.width > 6 ? "mixed" : last.kind;
      continue;
    }
    pieces.push({ kind, x, width: Math.max(width, 1.5), row });
  }
  return pieces;
}

/** Events of a channel that overlap [start, end), without one. */
export function clashes(events: readonly Planned[], start: number, end: number, without?: string): Planned[] {
  const found: Planned[] = [];
  for (let i = firstAfter(events, start); i < events.length && events[i]!.start_time < end; i++) {
    if (events[i]!.id !== without) found.push(events[i]!);
  }
  return found;
}

/** The first instant from at on at which so much time is free. */
export function firstFree(events: readonly Planned[], at: number, length: number, without?: string): number {
  for (let i = firstAfter(events, at); i < events.length; i++) {
    const e = events[i]!;
    if (e.id === without || e.end_time <= at) continue;
    if (e.start_time >= at + length) break;
    at = e.end_time;
  }
  return at;
}

/** The free time round an instant, within bounds; null if an event is there. */
export function gapAt(events: readonly Planned[], at: number, bounds: { from: number; to: number }): { from: number; to: number } | null {
  const i = firstAfter(events, at);
  const next = events[i];
  if (next && next.start_time <= at) return null;
  return { from: Math.max(events[i - 1]?.end_time ?? bounds.from, bounds.from), to: Math.min(next?.start_time ?? bounds.to, bounds.to) };
}
