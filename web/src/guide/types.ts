// What travels, as the OpenAPI document of the schedule service has it.

export interface Channel {
  id: string;
  name: string;
  config: Record<string, unknown>;
  revision: number;
}

/** What programme guides show of an event. */
export interface Details {
  description?: string;
  image?: string;
  categories?: string[];
  episode?: string;
  rating?: string;
  language?: string;
}

/** An event of the schedule (not of the DOM). Times are Unix milliseconds. */
export interface Planned extends Details {
  id: string;
  channelId: string;
  title: string;
  start_time: number;
  end_time: number;
  uri: string;
}

/** A row of the as-run record; times are ISO 8601. */
export interface AiredRow {
  number: number;
  planned_start?: string;
  planned_end?: string;
  start: string;
  end?: string;
  length: number;
  kind: "event" | "filler" | "slate";
  reason: "scheduled" | "joined" | "gap" | "short" | "failed" | "changed";
  detail?: string;
  event_id?: string;
  title?: string;
  asset: string;
  wanted?: string;
  offset?: number;
}

export interface Inspection {
  uri: string;
  title?: string;
  /** Seconds, to the millisecond. */
  duration: number;
  tracks: {
    media: "video" | "audio" | "subtitle";
    container: string;
    muxed?: boolean;
    codecs?: string;
    width?: number;
    height?: number;
    bandwidth?: number;
    language?: string;
    name?: string;
  }[];
  warnings: string[];
  channel?: { id: string; joins?: boolean; reason?: string; settled: boolean };
}

export interface AutoState {
  auto_populate: boolean;
  auto_cleanup: boolean;
  report?: {
    planned: number;
    until: number;
    added: number;
    deleted: number;
    sources: { feed?: string; entries: number; usable: number; fetched?: number; next?: number; error?: string }[];
    problems: { uri: string; title?: string; reason: string; retry?: number }[];
    more: number;
  };
}

/** What a dry run of a replacement answers. */
export interface ReplaceReport {
  created: Planned[];
  updated: { before: Planned; after: Planned }[];
  deleted: Planned[];
  unchanged: number;
  conflicts: { location: string; message: string; with: Planned }[];
}

/** A change of one event: null before is a new one, null after one that goes. */
export interface Change {
  before: Planned | null;
  after: Planned | null;
}

/** What somebody does at once, and may undo at once. */
export interface Edit {
  label: string;
  changes: Change[];
}
