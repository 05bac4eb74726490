// Reads the text of a playlist far enough to show it: lines with what they
// mean, and segments with their numbers and dates. A player knows better.

export type LineKind = "head" | "transition" | "date" | "map" | "key" | "daterange" | "cue" | "gap" | "info" | "uri" | "stream";

export interface Line {
  text: string;
  kind: LineKind;
  /** Media sequence number, on the line with a segment's URI. */
  sequence: number | null;
  /** The date that holds from here, of the next segment. */
  date: number | null;
  /** Equal for equal lines of the same segment: what a list is keyed by. */
  key: string;
}

export interface Segment {
  sequence: number;
  discontinuity: number;
  start: number | null; // Unix ms
  duration: number; // seconds
  uri: string;
  gap: boolean;
}

export interface PlaylistText {
  lines: Line[];
  segments: Segment[];
}

const kinds: [RegExp, LineKind][] = [
  [/^#EXT-X-DISCONTINUITY$/, "transition"],
  [/^#EXT-X-PROGRAM-DATE-TIME/, "date"],
  [/^#EXT-X-MAP/, "map"],
  [/^#EXT-X-(SESSION-)?KEY/, "key"],
  [/^#EXT-X-DATERANGE/, "daterange"],
  [/^#EXT-(X-CUE|OATCLS|X-SCTE)/, "cue"],
  [/^#EXT-X-GAP/, "gap"],
  [/^#EXT-X-(STREAM-INF|MEDIA:|I-FRAME)/, "stream"],
  [/^#EXT(M3U|-X-(VERSION|TARGETDURATION|MEDIA-SEQUENCE|DISCONTINUITY-SEQUENCE|INDEPENDENT-SEGMENTS|SERVER-CONTROL|PLAYLIST-TYPE))/, "head"],
];

export function readPlaylist(text: string): PlaylistText {
  const lines: Line[] = [];
  const segments: Segment[] = [];
  let sequence = 0;
  let discontinuity = 0;
  let duration = 0;
  let date: number | null = null;
  let gap = false;
  let media = false;
  let repeats = new Map<string, number>(); // of a line within its segment
  for (const raw of text.split("\n")) {
    const line = raw.trimEnd();
    if (line === "") continue;
    const value = line.slice(line.indexOf(":") + 1);
    const kind = line.startsWith("#") ? (kinds.find(([pattern]) => pattern.test(line))?.[1] ?? "info") : "uri";
    if (line.startsWith("#EXT-X-MEDIA-SEQUENCE:")) sequence = Number(value);
    else if (line.startsWith("#EXT-X-DISCONTINUITY-SEQUENCE:")) discontinuity = Number(value);
    else if (kind === "transition") discontinuity++;
    else if (kind === "date") date = Date.parse(value);
    else if (kind === "gap") gap = true;
    else if (line.startsWith("#EXTINF:")) {
      duration = parseFloat(value);
      media = true;
    }
    const repeat = repeats.get(line) ?? 0;
    repeats.set(line, repeat + 1);
    // Head lines are keyed by their tag, so that their values change in place.
    const key = kind === "head" ? line.slice(0, line.indexOf(":") + 1 || undefined) : `${sequence} ${line} ${repeat}`;
    const isSegment = kind === "uri" && media;
    lines.push({ text: line, kind, sequence: isSegment ? sequence : null, date: kind === "date" ? date : null, key });
    if (isSegment) {
      segments.push({ sequence, discontinuity, start: date, duration, uri: line, gap });
      if (date !== null) date += duration * 1000;
      sequence++;
      gap = false;
      repeats = new Map();
    }
  }
  return { lines, segments };
}

/** The ids of the tracks that a multivariant playlist names, in its order. */
export function trackIDs(master: string): string[] {
  const found = new Set<string>();
  for (const line of master.split("\n")) {
    const uri = line.startsWith("#") ? /^#EXT-X-MEDIA:.*URI="([^"]*)"/.exec(line)?.[1] : line;
    const id = /^([^/?#]+)\.m3u8/.exec(uri ?? "")?.[1];
    if (id) found.add(id);
  }
  return [...found];
}
