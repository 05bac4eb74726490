import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { controls, ground } from "../shared/styles.ts";
import { common, guide as texts } from "../shared/texts.ts";
import { differenceOf } from "./aired.ts";
import { firstFree } from "./layout.ts";
import { panelStyles } from "./panel-styles.ts";
import { newID } from "./service.ts";
import { reason, same, type Draft, type Store } from "./store.ts";
import type { Inspection, Planned } from "./types.ts";
import { clockText, dateText, dayText, exactClockText, lengthText, localZone, readLength, readWall, second } from "./zone.ts";

/** What the form is about. */
export type Subject =
  | { kind: "event"; event: Planned }
  | { kind: "new"; channelId: string; start: number; end: number | null; uri: string; copyOf?: Planned }
  | { kind: "draft"; draft: Draft };

/** Details of an event that are text. */
const detailFields = ["description", "episode", "rating", "language", "image"] as const;

/** An event, to be looked at, planned and changed. */
@customElement("guide-event")
export class EventForm extends LitElement {
  static override styles = [ground, controls, panelStyles];

  @property({ attribute: false }) store!: Store;
  @property({ attribute: false }) subject!: Subject;
  @property() zone = localZone;
  /** Grows with every change of the store. */
  @property({ type: Number }) version = 0;

  @state() private uri = "";
  @state() private name = "";
  @state() private channelId = "";
  @state() private date = "";
  @state() private clock = "";
  @state() private length = "";
  @state() private details: Record<string, string> = {};
  @state() private found: Inspection | null = null;
  @state() private foundProblem = "";
  @state() private looking = false;
  @state() private problem = "";
  @state() private busy = false;
  /** Whether title and length were typed, or may follow from the asset. */
  private titled = false;
  private timed = false;
  private inspecting: AbortController | null = null;

  @query("#uri") private readonly uriInput!: HTMLInputElement;

  private get original(): Planned | null {
    const s = this.subject;
    if (s.kind === "event") return s.event;
    return s.kind === "draft" ? (s.draft.edit.changes.find((c) => c.before && c.after)?.before ?? s.draft.edit.changes.find((c) => c.before)?.before ?? null) : null;
  }

  private get wanted(): Planned | null {
    const s = this.subject;
    if (s.kind === "event") return s.event;
    return s.kind === "draft" ? (s.draft.edit.changes.find((c) => c.after)?.after ?? null) : (s.copyOf ?? null);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("subject")) this.fill();
    else if (changed.has("zone")) {
      const at = readWall(this.date, this.clock, (changed.get("zone") as string | undefined) ?? this.zone);
      if (Number.isFinite(at)) this.setStart(at);
    }
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("subject") && this.subject.kind === "new" && !this.subject.copyOf) this.uriInput?.focus();
  }

  private fill(): void {
    this.inspecting?.abort();
    this.found = null;
    this.foundProblem = this.problem = "";
    this.looking = false;
    const s = this.subject;
    const e = this.wanted;
    this.uri = e?.uri ?? (s.kind === "new" ? s.uri : "");
    this.name = e?.title ?? "";
    this.titled = this.name !== "";
    this.channelId = s.kind === "new" ? s.channelId : (e?.channelId ?? "");
    this.setStart(s.kind === "new" ? s.start : (e?.start_time ?? Date.now()));
    const length = s.kind === "new" && s.end !== null ? s.end - s.start : e ? e.end_time - e.start_time : NaN;
    this.length = Number.isFinite(length) ? lengthText(length) : "";
    this.timed = Number.isFinite(length);
    this.details = Object.fromEntries(detailFields.map((f) => [f, e?.[f] ?? ""]));
    this.details["categories"] = (e?.categories ?? []).join(", ");
    if (s.kind === "new" && s.uri) void this.inspect();
  }

  private setStart(at: number): void {
    this.date = dateText(at, this.zone);
    this.clock = exactClockText(at, this.zone);
  }

  private get start(): number {
    return readWall(this.date, this.clock, this.zone);
  }

  /** Asks what the asset is, and whether it can join the channel. */
  private async inspect(): Promise<void> {
    this.inspecting?.abort();
    this.found = null;
    this.foundProblem = "";
    const uri = this.uri.trim();
    if (!/^https?:\/\/\S+$/.test(uri)) {
      this.looking = false;
      if (uri) this.foundProblem = texts.noURL;
      return;
    }
    const abort = (this.inspecting = new AbortController());
    this.looking = true;
    try {
      const found = await this.store.service.inspect(uri, this.channelId || undefined, abort.signal);
      if (abort.signal.aborted) return;
      this.found = found;
      if (!this.titled && found.title) this.name = found.title;
      // A length that somebody is about to type stays.
      if (!this.timed && this.shadowRoot?.activeElement?.id !== "length") this.length = lengthText(found.duration * second);
    } catch (err) {
      if (!abort.signal.aborted) this.foundProblem = reason(err).replace(/^body\.uri /, "");
    } finally {
      if (this.inspecting === abort) this.looking = false;
    }
  }

  override render(): TemplateResult {
    const s = this.subject;
    const heading = s.kind === "new" ? (s.copyOf ? texts.copyHeading : texts.newEvent) : s.kind === "draft" ? texts.draftHeading : texts.eventHeading;
    const length = readLength(this.length);
    const end = this.start + length;
    return html`
      <form @submit=${this.submit} aria-labelledby="heading" autocomplete="off">
        <div class="actions"><h2 id="heading">${heading}</h2>
          <button class="icon push" type="button" aria-label=${common.close} title="${common.close} (Esc)" @click=${this.close}>✕</button></div>
        ${s.kind === "draft" ? this.renderConflict(s.draft) : s.kind === "event" ? this.renderChanged(s.event) : nothing}
        <label class="field"><span>${texts.url}</span>
          <input id="uri" type="text" inputmode="url" spellcheck="false" required maxlength="2048" placeholder="https://…/index.m3u8" .value=${live(this.uri)}
            @input=${(e: Event) => (this.uri = (e.target as HTMLInputElement).value)} @change=${this.inspect} @paste=${this.pasted}>
        </label>
        ${this.renderFound(length)}
        <label class="field"><span>${texts.titleField}</span>
          <input id="title" maxlength="500" .value=${live(this.name)} @input=${(e: Event) => { this.name = (e.target as HTMLInputElement).value; this.titled = this.name !== ""; }}>
        </label>
        <label class="field"><span>${common.channel}</span>
          <select id="channel" @change=${(e: Event) => { this.channelId = (e.target as HTMLSelectElement).value; if (this.found || this.foundProblem) void this.inspect(); }}>
            ${this.channelId && !this.store.line(this.channelId) ? html`<option value=${this.channelId} selected>${this.channelId}</option>` : nothing}
            ${this.store.lines.map((l) => html`<option value=${l.channel.id} .selected=${l.channel.id === this.channelId}>${l.channel.name || l.channel.id}</option>`)}
          </select>
        </label>
        <div class="three">
          <label class="field"><span>${texts.date}</span><input id="date" type="date" required .value=${live(this.date)} @input=${(e: Event) => (this.date = (e.target as HTMLInputElement).value)}></label>
          <label class="field"><span>${texts.startField}</span><input id="start" required placeholder="20:15:00" .value=${live(this.clock)} @input=${(e: Event) => (this.clock = (e.target as HTMLInputElement).value)}></label>
          <label class="field"><span>${texts.lengthField}</span><input id="length" required placeholder="1:30:00" .value=${live(this.length)} @input=${(e: Event) => { this.length = (e.target as HTMLInputElement).value; this.timed = this.length !== ""; }}></label>
        </div>
        <p class="note" id="when">${Number.isFinite(end) ? texts.endsAt(`${dayText(end, this.zone)} ${clockText(end, this.zone, true)}`, this.zone) : texts.timeFormat}</p>
        <details ?open=${Object.values(this.details).some((v) => v !== "")}>
          <summary>${texts.details}</summary>
          <div>
            <label class="field"><span>${texts.description}</span><textarea rows="3" maxlength="4000" .value=${live(this.details["description"] ?? "")} @input=${this.detail("description")}></textarea></label>
            <label class="field"><span>${texts.categories}</span><input .value=${live(this.details["categories"] ?? "")} @input=${this.detail("categories")}></label>
            <div class="three">
              <label class="field"><span>${texts.episode}</span><input placeholder="S2E5" .value=${live(this.details["episode"] ?? "")} @input=${this.detail("episode")}></label>
              <label class="field"><span>${texts.rating}</span><input .value=${live(this.details["rating"] ?? "")} @input=${this.detail("rating")}></label>
              <label class="field"><span>${texts.language}</span><input placeholder="sv" .value=${live(this.details["language"] ?? "")} @input=${this.detail("language")}></label>
            </div>
            <label class="field"><span>${texts.image}</span><input .value=${live(this.details["image"] ?? "")} @input=${this.detail("image")}></label>
          </div>
        </details>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="actions">
          <button class="primary" type="submit" ?disabled=${this.busy}>${s.kind === "event" ? texts.save : s.kind === "draft" ? texts.tryAgain : texts.plan}</button>
          ${s.kind === "event"
            ? html`<button type="button" @click=${() => this.dispatchEvent(new CustomEvent("copy", { detail: { event: s.event } }))}>${texts.duplicate}</button>
                <button class="danger push" type="button" @click=${() => this.dispatchEvent(new CustomEvent("remove", { detail: { event: s.event } }))}>${texts.remove}</button>`
            : nothing}
          ${s.kind === "draft" ? html`<button class="danger push" type="button" @click=${() => { this.store.discard(s.draft); this.close(); }}>${texts.discard}</button>` : nothing}
        </div>
      </form>
      ${s.kind === "event" ? this.renderAired(s.event) : nothing}
    `;
  }

  private detail(field: string) {
    return (e: Event) => (this.details = { ...this.details, [field]: (e.target as HTMLInputElement).value });
  }

  private renderConflict(draft: Draft): TemplateResult {
    return html`<div class="problem" role="alert"><b>${texts.conflictHeading}</b>
      ${draft.with.length === 0
        ? texts.roomAgain
        : html`<ul>${draft.with.map((o) => html`<li>${o.title || common.untitled}, ${dayText(o.start_time, this.zone)} ${clockText(o.start_time, this.zone)}–${clockText(o.end_time, this.zone)}</li>`)}</ul>`}
      <p class="note">${texts.conflictHelp}</p>
      <p class="actions"><button type="button" id="after" @click=${this.moveAfter}>${texts.nextFree}</button></p></div>`;
  }

  /** An event that has become another since the form was opened: it could not be saved. */
  private renderChanged(opened: Planned): unknown {
    const line = this.store.line(opened.channelId);
    if (!line) return html`<p class="warning" role="status">${texts.channelGone}</p>`;
    const event = line.events.find((e) => e.id === opened.id);
    if (!event || same(event, opened) || this.store.pending.has(event.id)) return nothing;
    return html`<div class="warning" role="status">${texts.changedSince}
      <p class="actions"><button type="button" id="show-changed" @click=${() => this.dispatchEvent(new CustomEvent("open", { detail: { event } }))}>${texts.showChanged}</button></p></div>`;
  }

  private renderFound(length: number): unknown {
    if (this.looking) return html`<p class="note" role="status">${texts.looking}</p>`;
    if (this.foundProblem) return html`<p class="problem" role="alert"><b>${texts.cannotPlay}</b>${this.foundProblem}</p>`;
    const f = this.found;
    if (!f) return this.uri && this.subject.kind !== "new" ? html`<p class="actions"><button type="button" id="inspect" @click=${this.inspect}>${texts.inspect}</button></p>` : nothing;
    const video = f.tracks.filter((t) => t.media === "video");
    const heights = [...new Set(video.map((t) => t.height).filter((h): h is number => !!h))].sort((a, b) => b - a);
    const named = (media: string) => f.tracks.filter((t) => t.media === media).map((t) => t.name || t.language || "?");
    const channel = this.store.line(this.channelId)?.channel;
    const differs = Number.isFinite(length) && Math.abs(length - f.duration * second) >= 1;
    return html`<div id="found" class="rows" role="status">
      ${f.channel?.joins === false ? html`<p class="problem"><b>${texts.cannotJoin(channel?.name || channel?.id || "")}</b>${f.channel.reason}</p>` : nothing}
      ${f.channel && f.channel.joins === undefined ? html`<p class="warning">${f.channel.reason}</p>` : nothing}
      ${f.channel?.joins ? html`<p class="good">${f.channel.settled ? texts.joins(channel?.name || channel?.id || "") : texts.joinsUnsettled}</p>` : nothing}
      ${f.warnings.map((w) => html`<p class="warning">${w}</p>`)}
      <dl class="facts">
        <dt>${texts.exactLength}</dt><dd>${lengthText(f.duration * second)}
          ${differs ? html` <button type="button" id="exact" @click=${() => { this.length = lengthText(f.duration * second); this.timed = false; }}>${texts.useIt}</button>` : nothing}</dd>
        ${video.length ? html`<dt>${texts.video}</dt><dd>${heights.map((h) => `${h}p`).join(", ") || video.length} · ${video[0]!.container}${video[0]!.muxed ? ` · ${texts.muxed}` : ""} <span class="mono">${video[0]!.codecs ?? ""}</span></dd>` : nothing}
        ${named("audio").length ? html`<dt>${texts.audio}</dt><dd>${named("audio").join(", ")}</dd>` : nothing}
        ${named("subtitle").length ? html`<dt>${texts.subtitles}</dt><dd>${named("subtitle").join(", ")}</dd>` : nothing}
      </dl></div>`;
  }

  private renderAired(e: Planned): unknown {
    const line = this.store.line(e.channelId);
    const now = Date.now();
    if (!line || e.start_time > now) return nothing;
    const rows = line.aired.filter((r) => r.event_id === e.id || (r.start < e.end_time && r.end > e.start_time));
    const difference = differenceOf(e, line.aired, now);
    return html`<section id="aired" aria-label=${texts.aired}><h3>${texts.aired}</h3>
      <p class=${difference && difference.kind !== "ok" ? "warning" : "note"}>${difference?.text ?? texts.notAired}</p>
      <ul class="rows">${rows.map((r) => html`<li><span class="time">${clockText(r.start, this.zone, true)}–${r.end === Infinity ? texts.onAirNow : clockText(r.end, this.zone, true)}</span>
        <span>${r.kind === "event" ? r.title || common.untitled : html`${r.kind === "filler" ? common.filler : common.slate}: ${r.detail || texts.reasons[r.reason]}`}</span></li>`)}</ul></section>`;
  }

  private pasted(e: ClipboardEvent): void {
    const text = e.clipboardData?.getData("text").trim() ?? "";
    if (!/^https?:\/\/\S+$/.test(text)) return;
    e.preventDefault();
    this.uri = text;
    void this.inspect();
  }

  /** The next time at which the event fits. */
  private moveAfter(): void {
    const line = this.store.line(this.channelId);
    const length = readLength(this.length);
    if (!line || !Number.isFinite(length) || !Number.isFinite(this.start)) return;
    this.setStart(firstFree(line.events, this.start, length, this.original?.id));
    void this.submit(new Event("submit"));
  }

  private close(): void {
    this.dispatchEvent(new CustomEvent("close"));
  }

  private async submit(e: Event): Promise<void> {
    e.preventDefault();
    const length = readLength(this.length);
    const start = this.start;
    this.problem = "";
    const uri = this.uri.trim();
    if (!/^https?:\/\/\S+$/.test(uri)) this.problem = texts.noURL;
    else if (!Number.isFinite(start)) this.problem = texts.noStart;
    else if (!(length >= 1)) this.problem = texts.noLength;
    if (this.problem) return;
    const before = this.original;
    const after: Planned = {
      id: before?.id ?? (this.subject.kind === "draft" ? this.wanted!.id : newID()), channelId: this.channelId, title: this.name.trim(), uri,
      start_time: start, end_time: start + length,
    };
    for (const f of detailFields) if (this.details[f]) after[f] = this.details[f];
    const categories = (this.details["categories"] ?? "").split(",").map((c) => c.trim()).filter(Boolean);
    if (categories.length) after.categories = categories;
    const label = before ? texts.changed(after.title || common.untitled) : texts.planned(after.title || common.untitled);
    const elsewhere = before && before.channelId !== after.channelId;
    const edit = { label, changes: elsewhere ? [{ before: null, after }, { before, after: null }] : [{ before, after }] };
    this.busy = true;
    const outcome = await this.store.commit(edit);
    this.busy = false;
    this.dispatchEvent(new CustomEvent("committed", { detail: { outcome, event: after, focus: this.matches(":focus-within") } }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "guide-event": EventForm;
  }
}
