// The engine's API as it is: see internal/playout/status.go. Instants are Unix
// milliseconds, durations are seconds.
import { apiURL } from "../shared/api.ts";

export type State = "dormant" | "waking" | "live";
export type Kind = "event" | "filler" | "slate";

export interface OnAir {
  kind: Kind;
  reason?: string;
  detail?: string;
  event_id?: string;
  title?: string;
  uri?: string;
  start?: number | null;
  end?: number | null;
  adherence: number | null;
}

export interface Summary {
  id: string;
  name: string;
  state: State;
  degraded: boolean;
  now: OnAir | null;
  next: OnAir | null;
}

export interface Cut extends OnAir {
  number: number;
  rebase?: boolean;
  seams?: Record<string, number>;
}

export interface TrackCounters {
  id: string;
  media_sequence: number;
  last_media_sequence: number;
  discontinuity_sequence: number;
}

export interface Status extends Summary {
  time: number;
  drift: number;
  target_duration: number;
  window: number;
  tracks: TrackCounters[];
  last_cuts: Cut[];
  problems: { time: number; uri?: string; text: string }[];
  log: { id: string; backend: string; last_number: number; conflicts: number; pending: number };
  poll: { last_ok?: number; age: number; error?: string };
}

/** The URL of one of a channel's playlists; its multivariant playlist is the track "master". */
export function playlistURL(channel: string, track = "master"): string {
  return apiURL(`live/${encodeURIComponent(track)}.m3u8?channel=${encodeURIComponent(channel)}`);
}

/** What people call a channel. */
export const nameOf = (c: { id: string; name: string }): string => c.name || c.id;

/** How much of what is on air has passed, 0 to 1; null where its end isn't known. */
export function progress(onAir: OnAir | null, now: number): number | null {
  if (!onAir?.start || !onAir.end || onAir.end <= onAir.start) return null;
  return Math.min(1, Math.max(0, (now - onAir.start) / (onAir.end - onAir.start)));
}

/**
 * The engine's clock, as the browser may be wrong: by the header Date of its
 * answers, which has whole seconds, so that small differences mean nothing.
 */
export class EngineClock {
  private offset = 0;

  read(response: Response, asked: number): void {
    const date = Date.parse(response.headers.get("Date") ?? "");
    if (Number.isNaN(date)) return;
    const offset = date + 500 - (asked + Date.now()) / 2;
    this.offset = Math.abs(offset) > 1500 ? offset : 0;
  }

  now(): number {
    return Date.now() + this.offset;
  }
}
