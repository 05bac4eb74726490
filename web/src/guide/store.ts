// What the page knows of the schedule: read piece by piece as it is looked at,
// kept up to date by polling, edited through the API only.
import { ApiError, Poll } from "../shared/api.ts";
import { guide as texts } from "../shared/texts.ts";
import { airedOf, type Aired } from "./aired.ts";
import { Service } from "./service.ts";
import type { Change, Channel, Edit, Planned } from "./types.ts";
import { day, minute, second } from "./zone.ts";

/** What is known of one channel. */
export interface Line {
  channel: Channel;
  /** In order; those that overlap [from, to). */
  events: Planned[];
  from: number;
  to: number;
  /** Of the channel, when events were read. */
  revision: number;
  /** In order; those on air within [airedFrom, airedTo). */
  aired: Aired[];
  airedFrom: number;
  airedTo: number;
  /** Why nothing newer is known. */
  error: string | null;
  /** Grows with every change of the above. */
  version: number;
}

/** An edit that the schedule has refused. It is kept until it is resolved. */
export interface Draft {
  edit: Edit;
  problem: string;
  /** The events that are in its way. */
  with: Planned[];
}

export type Outcome = "done" | "draft" | "failed";

interface Want {
  id: string;
  kind: "events" | "aired";
  from: number;
  to: number;
}

const pollEvery = 3 * second;
const airedEvery = 15 * second;
/** Requests under way; browsers have six connections to a host. */
const atOnce = 5;

/** Dispatches "change" when anything below has changed. */
export class Store extends EventTarget {
  lines: Line[] = [];
  /** False until the channels have been read once. */
  loaded = false;
  /** Why the channels can't be read, if so. */
  offline: string | null = null;
  drafts: Draft[] = [];
  /** Ids of events that are being stored. */
  readonly pending = new Set<string>();
  undoable: Edit[] = [];
  redoable: Edit[] = [];
  /** What was said by the last edit, for people. */
  notify: (text: string, kind: "info" | "bad") => void = () => {};

  private etag = "";
  private readonly tags = new WeakMap<Planned, string>();
  private visible: { ids: string[]; from: number; to: number } = { ids: [], from: 0, to: 0 };
  private underWay = new Map<string, AbortController>();
  private readonly failedAt = new Map<string, number>();
  private editing: Promise<unknown> = Promise.resolve();
  private readonly poll: Poll;

  constructor(readonly service: Service) {
    super();
    this.poll = new Poll({
      every: () => pollEvery,
      run: async (signal) => {
        await this.readChannels(signal);
        this.pump();
      },
      failed: (err) => {
        this.offline = err instanceof Error ? err.message : String(err);
        this.changed();
      },
    });
  }

  start(): void {
    this.poll.start();
  }

  stop(): void {
    this.poll.stop();
    for (const abort of this.underWay.values()) abort.abort();
  }

  line(id: string): Line | undefined {
    return this.lines.find((l) => l.channel.id === id);
  }

  /** Asks for what is on the screen; what was asked for before no longer is. */
  look(ids: string[], from: number, to: number): void {
    this.visible = { ids, from, to };
    this.pump();
  }

  /** Reads the channels at once: this page has changed one. */
  async refresh(): Promise<void> {
    await this.readChannels(new AbortController().signal);
    this.pump();
  }

  private changed(): void {
    this.dispatchEvent(new Event("change"));
  }

  private async readChannels(signal: AbortSignal): Promise<void> {
    const answer = await this.service.channels(this.etag, signal);
    const wasOffline = this.offline !== null;
    this.offline = null;
    if (answer) {
      this.etag = answer.etag;
      const known = new Map(this.lines.map((l) => [l.channel.id, l]));
      this.lines = answer.value.map((channel) => {
        const line = known.get(channel.id);
        if (!line) {
          return { channel, events: [], from: 0, to: 0, revision: -1, aired: [], airedFrom: 0, airedTo: 0, error: null, version: 0 };
        }
        if (line.channel.revision !== channel.revision) line.version++;
        line.channel = channel;
        return line;
      });
    }
    if (answer || wasOffline || !this.loaded) {
      this.loaded = true;
      this.changed();
    }
  }

  /** What is on the screen and not known, in the order in which it is fetched. */
  private *wants(): Generator<Want> {
    const { ids, from, to } = this.visible;
    const now = Date.now();
    // Whole days, and some more than can be seen: neighbours come without waiting.
    const span = Math.max(to - from, 2 * 60 * minute);
    const first = from - span;
    const last = to + span;
    const lines = ids.map((id) => this.line(id)).filter((l): l is Line => l !== undefined);
    for (const l of lines) {
      if (l.from > from || l.to < to || l.revision !== l.channel.revision) {
        // What was loaded before stays, unless it is far from here.
        const near = l.to > first - 2 * day && l.from < last + 2 * day && l.to - l.from < 10 * day + span;
        yield { id: l.channel.id, kind: "events", from: near && l.to > l.from ? Math.min(l.from, first) : first, to: near && l.to > l.from ? Math.max(l.to, last) : last };
      }
    }
    for (const l of lines) {
      const until = Math.min(to, now);
      if (until <= from) continue;
      if (l.airedFrom > from || l.airedTo < from) yield { id: l.channel.id, kind: "aired", from: first, to: now };
      else if (l.airedTo < until - airedEvery || (to > now && l.airedTo < now - airedEvery)) {
        // A rebase may change what has just been on air.
        yield { id: l.channel.id, kind: "aired", from: Math.max(l.airedTo - 2 * minute, l.airedFrom), to: now };
      }
    }
  }

  private pump(): void {
    // What nobody looks at any more need not come.
    for (const [key, abort] of this.underWay) {
      if (!this.visible.ids.includes(key.slice(key.indexOf(" ") + 1))) abort.abort();
    }
    for (const want of this.wants()) {
      if (this.underWay.size >= atOnce) return;
      const key = `${want.kind} ${want.id}`;
      if (this.underWay.has(key) || Date.now() - (this.failedAt.get(key) ?? 0) < pollEvery) continue;
      const abort = new AbortController();
      this.underWay.set(key, abort);
      void this.fetch(want, abort.signal)
        .catch((err: unknown) => {
          if (abort.signal.aborted) return;
          this.failedAt.set(key, Date.now());
          const line = this.line(want.id);
          if (line && !(err instanceof ApiError && err.status === 404)) {
            line.error = err instanceof Error ? err.message : String(err);
            line.version++;
            this.changed();
          }
        })
        .finally(() => {
          this.underWay.delete(key);
          this.pump();
        });
    }
  }

  private async fetch(want: Want, signal: AbortSignal): Promise<void> {
    const revision = this.line(want.id)?.channel.revision ?? -1; // before: events may be newer than it says
    if (want.kind === "events") {
      const events = await this.service.events(want.id, want.from, want.to, signal);
      const line = this.line(want.id);
      if (!line) return;
      const known = new Map(line.events.map((e) => [e.id, e]));
      // An event that is as it was stays the same object, with its tag.
      line.events = events.map((e) => {
        const old = known.get(e.id);
        return old && same(old, e) ? old : e;
      });
      Object.assign(line, { from: want.from, to: want.to, revision, error: null });
      line.version++;
      this.settleDrafts();
      this.changed();
      return;
    }
    const rows = (await this.service.asRun(want.id, want.from, want.to, signal)).map(airedOf);
    const line = this.line(want.id);
    if (!line) return;
    const joins = want.from >= line.airedFrom && want.from <= line.airedTo;
    line.aired = joins ? [...line.aired.filter((r) => r.end <= want.from), ...rows] : rows;
    if (!joins) line.airedFrom = want.from;
    line.airedTo = want.to;
    line.version++;
    this.changed();
  }

  /** A draft of what somebody else has meanwhile made room for, or taken away, stays; its obstacles are those of now. */
  private settleDrafts(): void {
    for (const draft of this.drafts) {
      draft.with = draft.with.filter((other) => {
        const line = this.line(other.channelId);
        if (!line || other.end_time <= line.from || other.start_time >= line.to) return true;
        const stored = line.events.find((e) => e.id === other.id);
        if (!stored) return false;
        Object.assign(other, stored);
        return draft.edit.changes.some((c) => c.after && c.after.channelId === other.channelId && c.after.start_time < other.end_time && other.start_time < c.after.end_time);
      });
    }
  }

  // Editing.

  /** Makes an edit. Edits are made one after the other. */
  commit(edit: Edit): Promise<Outcome> {
    return this.inTurn(async () => {
      const [outcome, made] = await this.make(edit, true);
      if (outcome === "done") {
        this.undoable.push(made);
        if (this.undoable.length > 200) this.undoable.shift();
        this.redoable = [];
        this.notify(texts.did(edit.label), "info");
      }
      return outcome;
    });
  }

  undo(): Promise<Outcome> {
    return this.turnBack("undoable", "redoable", texts.undone);
  }

  redo(): Promise<Outcome> {
    return this.turnBack("redoable", "undoable", texts.redone);
  }

  private turnBack(from: "undoable" | "redoable", to: "undoable" | "redoable", said: (label: string) => string): Promise<Outcome> {
    return this.inTurn(async () => {
      const edit = this[from].pop();
      if (!edit) return "failed";
      const back: Edit = { label: edit.label, changes: edit.changes.map(({ before, after }) => ({ before: after, after: before })).reverse() };
      const [outcome, made] = await this.make(back, false);
      if (outcome === "done") {
        this[to].push(made);
        this.notify(said(edit.label), "info");
      }
      this.changed();
      return outcome;
    });
  }

  private inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.editing.then(run, run);
    this.editing = turn.catch(() => undefined);
    return turn;
  }

  discard(draft: Draft): void {
    this.drafts = this.drafts.filter((d) => d !== draft);
    this.changed();
  }

  /**
   * Makes the changes of an edit, those that need room after those that make
   * it. What has been made of an edit that fails is taken back.
   */
  private async make(edit: Edit, keepsDraft: boolean): Promise<[Outcome, Edit]> {
    const ids = edit.changes.map((c) => (c.after ?? c.before)!.id);
    for (const id of ids) this.pending.add(id);
    this.drafts = this.drafts.filter((d) => !d.edit.changes.some((c) => ids.includes((c.after ?? c.before)!.id)));
    for (const change of edit.changes) this.show(change);
    this.changed();
    const made: Change[] = [];
    try {
      for (const change of edit.changes) made.push(await this.send(change));
      for (const change of made) this.show(change);
      return ["done", { label: edit.label, changes: made }];
    } catch (err) {
      for (const change of [...edit.changes].reverse()) this.show({ before: change.after, after: change.before });
      for (const { before, after } of made.reverse()) {
        await this.send({ before: after, after: before }).catch(() => undefined); // what can't be taken back is shown
      }
      for (const { before, after } of edit.changes) this.outdated((after ?? before)!.channelId);
      if (keepsDraft && err instanceof ApiError && err.status === 409) {
        this.drafts.push({ edit, problem: err.detail, with: eventsIn(err.problem) });
        this.notify(texts.conflict(edit.label), "bad");
        return ["draft", edit];
      }
      this.notify(texts.failedTo(edit.label, reason(err)), "bad");
      return ["failed", edit];
    } finally {
      for (const id of ids) this.pending.delete(id);
      this.changed();
      this.poll.now();
    }
  }

  private async send({ before, after }: Change): Promise<Change> {
    if (!before && after) return { before, after: this.tagged(await this.service.putEvent(after, null)) };
    if (!before) return { before, after };
    const tag = await this.tagOf(before);
    if (after) return { before, after: this.tagged(await this.service.putEvent(after, tag)) };
    await this.service.deleteEvent(before.channelId, before.id, tag);
    return { before, after };
  }

  private tagged({ value, etag }: { value: Planned; etag: string }): Planned {
    this.tags.set(value, etag);
    return value;
  }

  /** The tag of an event that somebody has seen; an error if it is another by now. */
  private async tagOf(seen: Planned): Promise<string> {
    const known = this.tags.get(seen);
    if (known !== undefined) return known;
    let stored: { value: Planned; etag: string };
    try {
      stored = await this.service.event(seen.channelId, seen.id);
    } catch (err) {
      throw err instanceof ApiError && err.status === 404 ? new ApiError(412, texts.goneMeanwhile) : err;
    }
    if (!same(stored.value, seen)) throw new ApiError(412, texts.changedMeanwhile);
    return stored.etag;
  }

  /** Puts a change on the screen. */
  private show({ before, after }: Change): void {
    for (const e of [before, after]) {
      const line = e && this.line(e.channelId);
      if (!line) continue;
      line.events = line.events.filter((o) => o.id !== e.id);
      line.version++;
    }
    const line = after && this.line(after.channelId);
    if (line && after.end_time > line.from && after.start_time < line.to) {
      line.events = [...line.events, after].sort((a, b) => a.start_time - b.start_time);
    }
  }

  private outdated(channelId: string): void {
    const line = this.line(channelId);
    if (line) line.revision = -1;
  }
}

/** What to change, or what has failed. */
export function reason(err: unknown): string {
  if (err instanceof ApiError && err.status === 412) return err.detail === texts.goneMeanwhile || /^There is no/.test(err.detail) ? texts.goneMeanwhile : texts.changedMeanwhile;
  return err instanceof Error ? err.message : String(err);
}

/** The events that a problem names. */
function eventsIn(problem: Readonly<Record<string, unknown>>): Planned[] {
  const errors = Array.isArray(problem["errors"]) ? (problem["errors"] as { value?: Partial<Planned> }[]) : [];
  return errors.flatMap(({ value }) => (value && typeof value.id === "string" && typeof value.start_time === "number" ? [value as Planned] : []));
}

/** Whether two events are equal in all that people edit. */
export function same(a: Planned, b: Planned): boolean {
  const text = ({ id, channelId, title, uri, start_time, end_time, description, image, categories, episode, rating, language }: Planned) =>
    JSON.stringify([id, channelId, title, uri, start_time, end_time, description ?? "", image ?? "", categories ?? [], episode ?? "", rating ?? "", language ?? ""]);
  return text(a) === text(b);
}
