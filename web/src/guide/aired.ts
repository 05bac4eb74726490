// What was on air, beside what was planned.
import { guide as texts } from "../shared/texts.ts";
import type { AiredRow, Planned } from "./types.ts";
import { lengthText, second } from "./zone.ts";

/** A row of the as-run record with times as numbers. */
export interface Aired extends Omit<AiredRow, "start" | "end" | "planned_start" | "planned_end"> {
  start: number;
  /** Infinity while it is on air. */
  end: number;
  plannedStart: number;
}

export function airedOf(row: AiredRow): Aired {
  const { planned_start, planned_end: _, start, end, ...rest } = row;
  return {
    ...rest,
    start: Date.parse(start),
    end: end ? Date.parse(end) : Infinity,
    plannedStart: planned_start ? Date.parse(planned_start) : NaN,
  };
}

/** How what aired differs from what was planned. */
export interface Difference {
  kind: "ok" | "late" | "short" | "failed" | "missing" | "moved";
  text: string;
}

/**
 * What players never notice: cuts are made at segment boundaries, so that a
 * planned instant is met to within half a segment.
 */
const tolerance = 5 * second;

/** Compares an event with what aired in its time; null while nothing can be said. */
export function differenceOf(e: Planned, rows: readonly Aired[], now: number): Difference | null {
  if (e.start_time > now) return null;
  const during = rows.filter((r) => r.start < e.end_time && r.end > e.start_time);
  const own = rows.filter((r) => r.event_id === e.id && r.end > e.start_time - 24 * 3600 * second);
  const played = own.filter((r) => r.kind === "event");
  const over = e.end_time <= now;
  const failed = own.find((r) => r.kind !== "event" && r.reason === "failed");
  if (played.length === 0) {
    if (failed) return { kind: "failed", text: texts.failed(failed.detail ?? "") };
    if (during.length === 0 || !over) return null; // nobody watched, or the cut is still to come
    return { kind: "missing", text: texts.didNotAir };
  }
  if (failed) return { kind: "failed", text: texts.partlyFailed(lengthText(total([failed], now)), failed.detail ?? "") };
  const first = played[0]!;
  const last = played[played.length - 1]!;
  if (first.plannedStart !== e.start_time && Math.abs(first.start - e.start_time) > tolerance) {
    return { kind: "moved", text: texts.airedElsewhen };
  }
  const late = first.start - e.start_time;
  const missing = e.end_time - Math.min(last.end, now);
  const parts: string[] = [];
  if (late > tolerance) parts.push(first.reason === "joined" ? texts.joinedLate(lengthText(late)) : texts.late(lengthText(late)));
  if (late < -tolerance) parts.push(texts.early(lengthText(-late)));
  if (over && missing > tolerance) {
    const filler = rows.find((r) => r.number === last.number && r.reason === "short");
    parts.push(filler ? texts.assetShort(lengthText(missing)) : texts.cutShort(lengthText(missing)));
  }
  if (parts.length === 0) return { kind: "ok", text: texts.asPlanned };
  return { kind: Math.abs(late) > tolerance ? "late" : "short", text: parts.join("; ") };
}

function total(rows: readonly Aired[], now: number): number {
  return rows.reduce((sum, r) => sum + Math.min(r.end, now) - r.start, 0);
}
