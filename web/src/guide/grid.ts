import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import { common, guide as texts } from "../shared/texts.ts";
import { vars } from "../shared/vars.ts";
import { differenceOf, type Difference } from "./aired.ts";
import { gridStyles } from "./grid-styles.ts";
import { atOf, cellsOf, clashes, gapAt, piecesOf, stepsOf, xOf, type Axis, type Cell } from "./layout.ts";
import type { Draft, Line, Store } from "./store.ts";
import type { Planned } from "./types.ts";
import { clockText, day, dayText, hour, lengthText, minute, second, startOfDay, ticks } from "./zone.ts";

/** What the keyboard is at: an event, or a time between events. */
export interface Cursor {
  channelId: string;
  at: number;
  /** Of the event; null: free time. */
  id: string | null;
}

/** Where an event is held while it is dragged, or moved by keys. */
interface Hold {
  mode: "move" | "start" | "end" | "new";
  by: "pointer" | "keys";
  /** As it is in the schedule; null: a new one. */
  event: Planned | null;
  channelId: string;
  start: number;
  end: number;
  /** What of the event is under the pointer. */
  grip: number;
  moved: boolean;
}

/** What the grid asks for; the page decides. */
export interface GridEvents {
  open: { event: Planned } | { draft: Draft };
  create: { channelId: string; start: number; end: number | null };
  place: { event: Planned; channelId: string; start: number; end: number };
  remove: { event: Planned };
  copy: { event: Planned };
  zoom: { span: number; at: number };
  channel: { channelId: string };
}

const around = 10 * day; // on both sides of where somebody has gone to
const shortest = second;
/** Narrower events have a title only. */
const tight = 58;

/** Channels × time. Only what can be seen, and a little more, is in the document. */
@customElement("guide-grid")
export class GuideGrid extends LitElement {
  static override styles = gridStyles;

  @property({ attribute: false }) store!: Store;
  @property({ attribute: false }) lines: Line[] = [];
  /** Grows with every change of the store. */
  @property({ type: Number }) version = 0;
  @property() zone = "UTC";
  /** Milliseconds that fit the width. */
  @property({ type: Number }) span = 4 * hour;
  /** The event or draft that is open in the panel. */
  @property() selected = "";
  /** Events to be seen at once: those in the way of a draft. */
  @property({ attribute: false }) marked = new Set<string>();
  @property() enginePage: string | null = null;

  @state() private anchor = startOfDay(Date.now(), "UTC");
  @state() private cursor: Cursor | null = null;
  @state() private hold: Hold | null = null;
  /** What is rendered: pixels of the content. */
  @state() private left = 0;
  @state() private right = 0;
  @state() private top = 0;
  @state() private bottom = 0;
  @state() private said = "";
  /** Where the left edge can be before more is rendered. */
  private stickFrom = 0;
  private stickTo = 0;
  private now = Date.now();
  private width = 0;
  private height = 0;
  private wants: { at: number; share: number } | null = { at: Date.now(), share: 0.3 };
  private pointer: { id: number; x: number; y: number; down: { x: number; y: number }; touch: boolean } | null = null;
  /** In how many updates the cell of the cursor may still come, to be given the focus. */
  private focusAfter = 0;
  private settle: ReturnType<typeof setTimeout> | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;
  private scrolling = 0;

  @query(".scroller") private readonly scroller!: HTMLElement;

  private readonly resized = new ResizeObserver(() => this.measure());

  override connectedCallback(): void {
    super.connectedCallback();
    this.clock = setInterval(() => this.tick(), second);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
    this.resized.disconnect();
  }

  protected override firstUpdated(): void {
    this.resized.observe(this.scroller);
    // While an event is held, a finger moves it and not the page.
    this.scroller.addEventListener("touchmove", (e) => this.hold?.by === "pointer" && e.preventDefault(), { passive: false });
  }

  // Measures.

  private get nameWidth(): number {
    return this.width < 640 ? 92 : 190;
  }

  private get rowHeight(): number {
    return 62;
  }

  private readonly headHeight = 46;

  /** Of the grid and the panel beside it: opening that changes no scale. */
  private full = 0;

  private scaleOf(span: number): number {
    return Math.max(this.full - this.nameWidth, 100) / span;
  }

  private get axis(): Axis {
    return { origin: this.anchor - around, scale: this.scaleOf(this.span) };
  }

  private get contentWidth(): number {
    return 2 * around * this.axis.scale;
  }

  /** The instants at both ends of what can be seen. */
  get range(): { from: number; to: number } {
    const x = this.scroller?.scrollLeft ?? 0;
    return { from: atOf(this.axis, x), to: atOf(this.axis, x + this.width - this.nameWidth) };
  }

  get snap(): number {
    return stepsOf(this.axis.scale).snap;
  }

  private measure(): void {
    const { clientWidth, clientHeight } = this.scroller;
    const full = this.parentElement?.clientWidth ?? clientWidth;
    if (clientWidth === this.width && clientHeight === this.height && full === this.full) return;
    if (!this.wants && this.width && full !== this.full) this.wants = { at: this.range.from, share: 0 };
    this.full = full;
    this.width = clientWidth;
    this.height = clientHeight;
    this.requestUpdate();
  }

  /** Brings an instant to a share of the width. */
  goTo(at: number, share = 0.3): void {
    this.wants = { at, share };
    this.requestUpdate();
  }

  /** Brings an instant into view, if it is not. */
  reveal(at: number): void {
    this.measure();
    const { from, to } = this.range;
    if (at < from || at > from + (to - from) * 0.8) this.goTo(at, at < from ? 0.2 : 0.5);
  }

  /** The instant that stays where it is when somebody zooms. */
  get middle(): number {
    const { from, to } = this.range;
    return this.now > from && this.now < to ? this.now : (from + to) / 2;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("span") && changed.get("span") !== undefined && !this.wants && this.width) {
      const old = { origin: this.axis.origin, scale: this.scaleOf(changed.get("span") as number) };
      const at = this.zoomAt ?? this.now;
      const x = xOf(old, at) - this.scroller.scrollLeft;
      const inside = x >= 0 && x <= this.width - this.nameWidth;
      this.wants = { at: inside ? at : atOf(old, this.scroller.scrollLeft + (this.width - this.nameWidth) / 2), share: inside ? x / (this.width - this.nameWidth) : 0.5 };
      this.zoomAt = null;
    }
    if (this.wants && this.width) {
      const { at } = this.wants;
      if (Math.abs(at - this.anchor) > around - 3 * this.span || Math.abs(at - this.anchor) > around / 2) this.anchor = startOfDay(at, "UTC");
      const x = Math.max(0, xOf(this.axis, at) - this.wants.share * (this.width - this.nameWidth));
      this.window(x, this.scroller?.scrollTop ?? 0);
    }
  }

  private zoomAt: number | null = null;

  protected override updated(): void {
    if (this.wants && this.width) {
      const { at, share } = this.wants;
      this.wants = null;
      this.scroller.scrollLeft = Math.max(0, xOf(this.axis, at) - share * (this.width - this.nameWidth));
      this.scrolled();
    }
    const cell = this.focusAfter > 0 ? this.cell(this.cursor) : null;
    if (cell) {
      this.focusAfter = 0;
      cell.focus({ preventScroll: true });
    } else if (this.hadFocus && (document.activeElement === null || document.activeElement === document.body)) {
      this.scroller.focus({ preventScroll: true }); // what had it is out of sight
    }
    this.focusAfter = Math.max(0, this.focusAfter - 1);
    this.hadFocus = false;
    this.showNow();
    this.look();
  }

  private hadFocus = false;

  override requestUpdate(name?: PropertyKey, old?: unknown, options?: Parameters<LitElement["requestUpdate"]>[2]): void {
    if (this.shadowRoot?.activeElement) this.hadFocus = true;
    super.requestUpdate(name, old, options);
  }

  private cell(c: Cursor | null): HTMLElement | null {
    if (!c) return null;
    const row = this.renderRoot.querySelector(`.row[data-channel="${CSS.escape(c.channelId)}"]`);
    const named = c.id && row?.querySelector<HTMLElement>(`[data-id="${CSS.escape(c.id)}"]`);
    if (named) return named;
    return [...(row?.querySelectorAll<HTMLElement>("[data-from]") ?? [])].find((e) => Number(e.dataset["from"]) <= c.at && c.at < Number(e.dataset["to"])) ?? null;
  }

  // Scrolling.

  /** Sets what is rendered, in steps, so that most scrolling renders nothing. */
  private window(x: number, y: number): void {
    const step = Math.max(150, this.width / 4);
    this.left = Math.floor(x / step) * step - step;
    this.stickFrom = this.left + step;
    this.stickTo = this.left + 2 * step;
    this.right = Math.ceil((x + this.width) / step) * step + step;
    const rows = 4 * this.rowHeight;
    this.top = Math.floor(y / rows) * 4 - 2;
    this.bottom = Math.ceil((y + this.height) / rows) * 4 + 2;
  }

  private scrolled(): void {
    if (this.scrolling) return;
    this.scrolling = requestAnimationFrame(() => {
      this.scrolling = 0;
      this.window(this.scroller.scrollLeft, this.scroller.scrollTop);
      this.look();
      clearTimeout(this.settle);
      this.settle = setTimeout(() => this.moved(), 160);
    });
  }

  /** When scrolling has ended: more time on the side where it is short. */
  private moved(): void {
    const { from, to } = this.range;
    if ((from < this.axis.origin + this.span || to > this.axis.origin + 2 * around - this.span) && !this.hold) this.goTo(from, 0);
    this.dispatchEvent(new CustomEvent("moved", { detail: this.range }));
  }

  private lookTimer: ReturnType<typeof setTimeout> | undefined;

  /** Tells the store what can be seen, once that stays for a moment. */
  private look(): void {
    clearTimeout(this.lookTimer);
    this.lookTimer = setTimeout(() => {
      if (!this.width) return;
      const y = this.scroller.scrollTop;
      const shown = this.lines.slice(Math.floor(y / this.rowHeight), Math.ceil((y + this.height) / this.rowHeight));
      const { from, to } = this.range;
      this.store.look(shown.map((l) => l.channel.id), from, to);
    }, 60);
  }

  private tick(): void {
    this.now = Date.now();
    this.showNow();
    // What is on air, and the as-run band, grow.
    if (Math.floor(this.now / (10 * second)) !== Math.floor((this.now - second) / (10 * second))) this.requestUpdate();
  }

  private showNow(): void {
    const line = this.renderRoot.querySelector<HTMLElement>(".now");
    line?.style.setProperty("left", `${this.nameWidth + xOf(this.axis, this.now)}px`);
  }

  // Rendering.

  override render(): TemplateResult {
    const rows = this.width ? this.lines.slice(Math.max(0, this.top), this.bottom) : [];
    const first = Math.max(0, this.top);
    return html`
      <div
        class="scroller ${this.hold?.by === "pointer" ? "held" : ""}" role="grid" tabindex=${this.cell(this.cursor) ? -1 : 0}
        aria-label=${texts.gridLabel} aria-describedby="hint" aria-rowcount=${this.lines.length + 1}
        ${vars({ "--name": `${this.nameWidth}px`, "--row": `${this.rowHeight}px`, "--head": `${this.headHeight}px`, "--width": `${this.contentWidth + this.nameWidth}px` })}
        @scroll=${this.scrolled} @keydown=${this.keyed} @focusin=${this.focused} @wheel=${this.wheeled}
        @pointerdown=${this.pressed} @pointermove=${this.dragged} @pointerup=${this.released} @pointercancel=${this.cancelled}
        @dblclick=${this.doubleClicked} @contextmenu=${(e: Event) => this.hold && e.preventDefault()}
      >
        <div class="content" role="presentation" ${vars({ "--rows": this.lines.length })}>
          ${this.renderHead()} ${this.renderTicks()}
          <div class="rail" role="presentation"></div>
          ${repeat(rows, (l) => l.channel.id, (l, i) => this.renderRow(l, first + i))}
          <div class="now" role="presentation"></div>
        </div>
      </div>
      <span id="hint" class="sr">${texts.gridHint}</span>
      <div class="sr" role="status" aria-live="assertive">${this.said}</div>
    `;
  }

  private renderHead(): TemplateResult {
    const { tick } = stepsOf(this.axis.scale);
    const from = atOf(this.axis, Math.max(0, this.left));
    const to = atOf(this.axis, this.right);
    const days: number[] = [];
    for (let at = startOfDay(from, this.zone); at < to; at = startOfDay(at + 12 * hour, this.zone, 1)) days.push(at);
    const weekend = (at: number) => /^(Sat|Sun)/.test(new Intl.DateTimeFormat("en", { weekday: "short", timeZone: this.zone }).format(at));
    return html`<div class="head" role="row" aria-rowindex="1">
      <div class="corner" role="columnheader"><span class="what">${common.channels}</span> <span class="count">${this.lines.length}</span>
        <button class="add" id="new-channel" aria-label=${texts.newChannel} title=${texts.newChannel} @click=${() => this.ask("channel", { channelId: "" })}>+</button></div>
      <div class="axis" role="columnheader" aria-label=${texts.time}>
        ${days.map((at) => {
          const end = startOfDay(at + 12 * hour, this.zone, 1);
          return html`<div class="day ${weekend(at) ? "weekend" : ""} ${at <= this.now && this.now < end ? "today" : ""}"
            ${place(xOf(this.axis, at), (end - at) * this.axis.scale)}><span>${dayText(at, this.zone)}</span></div>`;
        })}
        ${tick < day
          ? ticks(from, to, tick, this.zone).map((at) => html`<div class="tick" ${place(xOf(this.axis, at))}>${clockText(at, this.zone)}</div>`)
          : nothing}
      </div>
    </div>`;
  }

  private renderTicks(): TemplateResult {
    const { tick } = stepsOf(this.axis.scale);
    const from = atOf(this.axis, Math.max(0, this.left));
    const to = atOf(this.axis, this.right);
    const midnights = new Set(ticks(from, to, day, this.zone));
    return html`<div class="lines" role="presentation">
      ${[...new Set([...ticks(from, to, tick, this.zone), ...midnights])].map((at) => html`<i class=${midnights.has(at) ? "midnight" : ""} ${place(xOf(this.axis, at))}></i>`)}
    </div>`;
  }

  private renderRow(line: Line, index: number): unknown {
    const id = line.channel.id;
    const drafts = this.store.drafts.filter((d) => d.edit.changes.some((c) => c.after?.channelId === id));
    const hold = this.hold && (this.hold.channelId === id || this.hold.event?.channelId === id) ? this.hold : null;
    const cursor = this.cursor?.channelId === id ? this.cursor : null;
    return guard(
      [
        line, line.version, line.channel, index, this.left, this.right, this.axis.origin, this.axis.scale, this.zone, this.selected, this.marked, this.enginePage,
        drafts.map((d) => JSON.stringify(d.edit) + d.with.length).join(), hold && JSON.stringify(hold), cursor && JSON.stringify(cursor), Math.floor(this.now / (10 * second)),
        line.events.filter((e) => this.store.pending.has(e.id)).length,
      ],
      () => this.row(line, index, drafts, hold, cursor),
    );
  }

  private row(line: Line, index: number, drafts: Draft[], hold: Hold | null, cursor: Cursor | null): TemplateResult {
    const { channel } = line;
    const from = atOf(this.axis, this.left);
    const to = atOf(this.axis, this.right);
    const cells = cellsOf(line.events, line, this.axis, from, to);
    const pieces = piecesOf(line.aired, this.axis, from, to, this.now);
    const on = line.events.find((e) => e.start_time <= this.now && this.now < e.end_time);
    const clash = hold && hold.channelId === channel.id ? new Set(clashes(line.events, hold.start, hold.end, hold.event?.id).map((e) => e.id)) : null;
    const loadedTo = Math.min(xOf(this.axis, line.to), this.contentWidth);
    const loadedFrom = Math.max(xOf(this.axis, line.from), 0);
    return html`<div class="row" role="row" aria-rowindex=${index + 2} data-channel=${channel.id} ${vars({ top: `${this.headHeight + index * this.rowHeight}px` })}>
      <div class="name" role="rowheader">
        <button class="plain title ellipsis" title=${texts.channelSettings(channel.name)} tabindex="-1" @click=${() => this.ask("channel", { channelId: channel.id })}>${channel.name || channel.id}</button>
        <span class="sub ellipsis">
          ${line.error
            ? html`<span class="bad" title=${line.error}>${texts.notRead}</span>`
            : on
              ? html`<span class="dot"></span><span class="ellipsis">${on.title || common.untitled}</span>`
              : html`<span class="ellipsis">${channel.id}</span>`}
        </span>
        ${this.enginePage
          ? html`<a class="watch" tabindex="-1" target="_blank" rel="noopener" href=${`${this.enginePage}?channel=${encodeURIComponent(channel.id)}`} title=${texts.watch(channel.name || channel.id)} aria-label=${texts.watch(channel.name || channel.id)}>
              <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 3.2v9.6l7.6-4.8z" fill="currentColor" /></svg></a>`
          : nothing}
      </div>
      <div class="track" role="presentation">
        ${line.to > line.from ? html`<div class="known" role="presentation" ${place(loadedFrom, loadedTo - loadedFrom)}></div>` : nothing}
        ${repeat(cells, (c) => c.key, (c) => this.renderCell(c, line, cursor, clash, hold))}
        ${pieces.map((p) => html`<i class="aired" data-kind=${p.kind} title=${this.airedTitle(p.row)} ${place(p.x, p.width)}></i>`)}
        ${drafts.map((d) => this.renderDraft(d, channel.id))}
        ${hold && hold.channelId === channel.id && (hold.moved || hold.by === "keys") ? this.renderHold(hold, clash!.size > 0) : nothing}
      </div>
    </div>`;
  }

  private airedTitle(r: Line["aired"][number]): string {
    const until = r.end === Infinity ? texts.onAirNow : clockText(r.end, this.zone, true);
    const what = r.kind === "event" ? r.title || common.untitled : r.kind === "filler" ? common.filler : common.slate;
    return texts.airedPiece(what, clockText(r.start, this.zone, true), until, r.kind === "event" ? "" : (r.detail ?? texts.reasons[r.reason] ?? ""));
  }

  private renderCell(c: Cell, line: Line, cursor: Cursor | null, clash: Set<string> | null, hold: Hold | null): TemplateResult {
    const here = cursor !== null && (c.kind === "event" ? cursor.id === c.event.id : c.kind === "cluster" ? c.from <= cursor.at && cursor.at < c.to : cursor.id === null && c.from <= cursor.at && cursor.at < c.to);
    const placed = place(c.x, c.width);
    const tab = here ? 0 : -1;
    if (c.kind === "gap") {
      const inner = c.width >= 54 && c.to - c.from < 10 * day && c.from > line.from && c.to < line.to;
      return html`<div class="cell gap" role="gridcell" tabindex=${tab} data-from=${c.from} data-to=${c.to} title=${texts.gapLabel(this.clockOf(c.from), this.clockOf(c.to))} ${placed}>
        ${inner ? html`<span class="label">${common.filler}${c.width >= 100 ? html` <span class="time">${lengthText(c.to - c.from)}</span>` : nothing}</span>` : nothing}</div>`;
    }
    if (c.kind === "cluster") {
      const worst = c.events.map((e) => differenceOf(e, line.aired, this.now)).find((d) => d && d.kind !== "ok");
      const hit = c.events.some((e) => this.marked.has(e.id) || clash?.has(e.id));
      const one = c.events.length === 1 ? c.events[0]! : null;
      return html`<div class="cell event cluster ${c.to <= this.now ? "past" : ""} ${worst ? worst.kind : ""} ${hit ? "clash" : ""} ${one && this.selected === one.id ? "selected" : ""}" role="gridcell" tabindex=${tab}
        data-from=${c.from} data-to=${c.to} data-id=${one?.id ?? nothing} title=${one ? this.titleOf(one, null) : texts.clusterLabel(c.events.length, this.clockOf(c.from), this.clockOf(c.to))} ${placed}>
        ${c.width >= 26 && !one ? html`<span class="label">${c.events.length}</span>` : nothing}</div>`;
    }
    const e = c.event;
    const difference = differenceOf(e, line.aired, this.now);
    const shown = c.width >= 24;
    // The text of what has begun before the left edge stays in sight. Each
    // sticky element is a layer: only those that can reach the edge are.
    const sticks = c.width > 90 && c.x < this.stickTo && c.x + c.width > this.stickFrom;
    const classes = [
      "cell event", e.end_time <= this.now ? "past" : e.start_time <= this.now ? "onair" : "", difference && difference.kind !== "ok" ? difference.kind : "",
      this.selected === e.id ? "selected" : "", here ? "tapped" : "", this.marked.has(e.id) || clash?.has(e.id) ? "clash" : "", this.store.pending.has(e.id) ? "pending" : "",
      hold?.event?.id === e.id && (hold.moved || hold.by === "keys") ? "lifted" : "", c.width < tight ? "tight" : "", sticks ? "wide" : "",
    ].join(" ");
    return html`<div class=${classes} role="gridcell" tabindex=${tab} aria-selected=${this.selected === e.id} data-id=${e.id} data-from=${c.from} data-to=${c.to}
      title=${this.titleOf(e, difference)} ${placed} ${vars({ "--hue": hueOf(e) })}>
      ${e.start_time <= this.now && this.now < e.end_time ? html`<i class="done" ${vars({ "--done": (this.now - e.start_time) / (e.end_time - e.start_time) })}></i>` : nothing}
      ${shown ? this.renderText(e, difference, c.width, sticks) : nothing}
    </div>`;
  }

  /** Two lines that the cell itself cuts off: clipping each of them is what painting would be slow by. */
  private renderText(e: Planned, difference: Difference | null, width: number, sticks: boolean): TemplateResult {
    const title = e.title || common.untitled;
    if (width < tight) return html`<b class="only">${title}</b>`;
    const time = html`<span class="time">${difference && difference.kind !== "ok" ? html`<span class="mark">${mark(difference.kind)}</span>` : nothing}${clockText(e.start_time, this.zone)} ${lengthText(e.end_time - e.start_time)}${e.id.startsWith("auto-") && width > 130 ? html` <span class="auto">${texts.auto}</span>` : nothing}</span>`;
    return sticks ? html`<span class="label sticks"><b class="ellipsis">${title}</b>${time}</span>` : html`<b>${title}</b><br>${time}`;
  }

  private renderDraft(draft: Draft, channelId: string): unknown {
    return draft.edit.changes.map(({ after }) =>
      after && after.channelId === channelId
        ? html`<div class="draft ${this.selected === `draft-${after.id}` ? "selected" : ""}" role="gridcell" tabindex="-1" data-draft=${after.id} title=${draft.problem}
            ${place(xOf(this.axis, after.start_time), Math.max((after.end_time - after.start_time) * this.axis.scale, 10))}>
            <span class="label"><b class="ellipsis">${after.title || common.untitled}</b><span class="time ellipsis">${texts.draft}</span></span></div>`
        : nothing,
    );
  }

  private renderHold(hold: Hold, bad: boolean): TemplateResult {
    return html`<div class="ghost ${bad ? "bad" : ""}" role="presentation" ${place(xOf(this.axis, hold.start), Math.max((hold.end - hold.start) * this.axis.scale, 4))}>
      <span class="label"><b class="ellipsis">${hold.event ? hold.event.title || common.untitled : texts.newEvent}</b>
      <span class="time">${this.clockOf(hold.start)}–${this.clockOf(hold.end)} · ${lengthText(hold.end - hold.start)}</span></span></div>`;
  }

  private clockOf(at: number): string {
    return clockText(at, this.zone, this.snap < minute);
  }

  private titleOf(e: Planned, d: Difference | null): string {
    const length = lengthText(e.end_time - e.start_time);
    return `${texts.eventLabel(e.title || common.untitled, this.clockOf(e.start_time), this.clockOf(e.end_time), dayText(e.start_time, this.zone), length)}${d ? `\n${d.text}` : ""}`;
  }

  private ask<K extends keyof GridEvents>(name: K, detail: GridEvents[K]): void {
    if (name === "create" || name === "channel") this.focusAfter = 0; // a form takes it
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // The keyboard.

  /** Puts the keyboard somewhere, and makes that seen. */
  focusOn(cursor: Cursor): void {
    this.cursor = cursor;
    this.focusAfter = 5;
    const index = this.lines.findIndex((l) => l.channel.id === cursor.channelId);
    if (index < 0 || !this.width) return;
    const y = index * this.rowHeight;
    const s = this.scroller;
    if (y < s.scrollTop) s.scrollTop = y;
    else if (y + this.rowHeight > s.scrollTop + this.height - this.headHeight) s.scrollTop = y + this.rowHeight + this.headHeight - this.height + 8;
    const { from, to } = this.range;
    const line = this.lines[index]!;
    const e = this.at(cursor)?.event;
    const free = e ? null : gapAt(line.events, cursor.at, line);
    const start = e?.start_time ?? free?.from ?? cursor.at;
    const end = e?.end_time ?? free?.to ?? cursor.at;
    const hidden = end <= from + 0.02 * this.span || start >= to - 0.05 * this.span;
    const goal = e ? start : cursor.at;
    this.wants = hidden ? { at: goal, share: goal < from ? 0.15 : 0.6 } : null;
    this.window(s.scrollLeft, s.scrollTop);
    this.requestUpdate();
  }

  private at(c: Cursor): { line: Line; event: Planned | null } | null {
    const line = this.lines.find((l) => l.channel.id === c.channelId);
    return line ? { line, event: (c.id && line.events.find((e) => e.id === c.id)) || null } : null;
  }

  /** What the keyboard is at; the event that is there now, if it was moved. */
  get focusedLine(): { line: Line; event: Planned | null; at: number } | null {
    const found = this.cursor && this.at(this.cursor);
    return found ? { ...found, at: this.cursor!.at } : null;
  }

  private focused(e: FocusEvent): void {
    const target = e.target as HTMLElement;
    const channelId = target.closest<HTMLElement>(".row")?.dataset["channel"];
    const { from, id } = target.dataset;
    if (channelId && from !== undefined && !target.matches(".draft")) {
      const at = this.cursor?.channelId === channelId && this.cursor.at >= Number(from) && this.cursor.at < Number(target.dataset["to"]) ? this.cursor.at : Number(from);
      if (this.cursor?.channelId !== channelId || this.cursor.id !== (id ?? null) || this.cursor.at !== at) this.cursor = { channelId, at, id: id ?? null };
    }
  }

  private keyed(e: KeyboardEvent): void {
    if (e.defaultPrevented || (e.target as HTMLElement).closest("button, a")) return;
    if (this.hold) {
      if (this.heldKey(e)) e.preventDefault();
      return;
    }
    if (e.ctrlKey || e.metaKey) return;
    const found = this.cursor && this.at(this.cursor);
    if (!found) {
      if (!e.key.startsWith("Arrow") && e.key !== "Enter") return;
      e.preventDefault();
      const y = Math.floor(this.scroller.scrollTop / this.rowHeight);
      const line = this.lines[Math.min(y, this.lines.length - 1)];
      const { from, to } = this.range;
      if (line) this.focusOn(this.cursorAt(line, this.now > from && this.now < to ? this.now : (from + to) / 2));
      return;
    }
    const { line, event } = found;
    const arrow = e.key.startsWith("Arrow");
    if (arrow && (e.shiftKey || e.altKey) && event) {
      this.pickUp(event);
      this.heldKey(e);
      e.preventDefault();
      return;
    }
    const went = arrow ? this.go(line, e.key) : this.press(e.key, line, event);
    if (went) e.preventDefault();
  }

  private go(line: Line, key: string): boolean {
    const cursor = this.cursor!;
    const index = this.lines.indexOf(line);
    if (key === "ArrowUp" || key === "ArrowDown") {
      const next = this.lines[index + (key === "ArrowUp" ? -1 : 1)];
      const event = this.at(cursor)?.event;
      const { from, to } = this.range;
      // What is next to what can be seen of the event.
      const at = event ? Math.min(Math.max(cursor.at, event.start_time, Math.min(from + 0.05 * this.span, event.end_time - 1)), Math.max(to - 1, event.start_time)) : cursor.at;
      if (next) this.focusOn(this.cursorAt(next, at));
      return true;
    }
    const cells = cellsOf(line.events, line, this.axis, line.from, line.to);
    const here = cells.findIndex((c) => (c.kind === "event" ? c.event.id === cursor.id : c.from <= cursor.at && cursor.at < c.to));
    const left = key === "ArrowLeft";
    const next = here >= 0 ? cells[here + (left ? -1 : 1)] : left ? cells.findLast((c) => c.to <= cursor.at) : cells.find((c) => c.from >= cursor.at);
    if (next) this.focusOn({ channelId: line.channel.id, at: Math.max(next.from, line.from), id: idOf(next) });
    else {
      const { from, to } = this.range;
      this.goTo(key === "ArrowLeft" ? from - this.span / 2 : from + this.span / 2, 0);
      this.cursor = { ...cursor, at: key === "ArrowLeft" ? from : to };
    }
    return true;
  }

  private cursorAt(line: Line, at: number): Cursor {
    const cell = cellsOf(line.events, line, this.axis, at - this.span, at + this.span).find((c) => c.from <= at && at < c.to);
    return { channelId: line.channel.id, at, id: cell ? idOf(cell) : null };
  }

  private press(key: string, line: Line, event: Planned | null): boolean {
    const cursor = this.cursor!;
    switch (key) {
      case "Enter":
        if (event) this.ask("open", { event });
        else if (!this.zoomInto(line, cursor.at)) this.createAt(line, cursor.at);
        return true;
      case "n":
      case "Insert":
        this.createAt(line, event ? event.end_time : cursor.at);
        return true;
      case " ":
        if (event) this.pickUp(event);
        return true;
      case "d":
        if (event) this.ask("copy", { event });
        return true;
      case "Delete":
      case "Backspace":
        if (event) {
          this.ask("remove", { event });
          this.cursor = { ...cursor, at: event.start_time, id: null };
        }
        return true;
      case "PageUp":
      case "PageDown":
        this.goTo(startOfDay(this.range.from, this.zone, key === "PageUp" ? -1 : 1) + (this.range.from - startOfDay(this.range.from, this.zone)), 0);
        return true;
      case "Home":
        this.focusOn(this.cursorAt(line, startOfDay(cursor.at, this.zone)));
        return true;
      case "End":
        this.focusOn(this.cursorAt(line, startOfDay(cursor.at, this.zone, 1) - 1));
        return true;
      default:
        return false;
    }
  }

  private zoomInto(line: Line, at: number): boolean {
    const cluster = cellsOf(line.events, line, this.axis, at - this.span, at + this.span).find((c) => c.kind === "cluster" && c.from <= at && at < c.to);
    if (!cluster) return false;
    this.ask("zoom", { span: Math.max((cluster.to - cluster.from) * 3, minute), at: cluster.from });
    return true;
  }

  private createAt(line: Line, at: number): void {
    const gap = gapAt(line.events, at, line);
    const visible = this.range;
    // A gap from long ago begins for planning where it is first seen.
    const start = gap ? Math.max(gap.from, gap.from > line.from ? gap.from : Math.max(visible.from, Math.min(at, visible.to))) : at;
    this.ask("create", { channelId: line.channel.id, start: this.snapped(start), end: null });
  }

  private pickUp(event: Planned): void {
    this.hold = { mode: "move", by: "keys", event, channelId: event.channelId, start: event.start_time, end: event.end_time, grip: 0, moved: false };
    this.said = texts.pickedUp(event.title || common.untitled);
  }

  /** Keys while an event is held: arrows move it, with Shift they move its end, with Alt as well its start. */
  private heldKey(e: KeyboardEvent): boolean {
    const h = this.hold!;
    if (e.key === "Escape") {
      this.hold = null;
      this.said = texts.putBack;
      return true;
    }
    if (e.key === "Enter" || e.key === " ") {
      this.drop();
      return true;
    }
    if (!e.key.startsWith("Arrow") || !h.event) return e.key === "Tab";
    const step = this.snap * (e.key === "ArrowLeft" ? -1 : 1);
    if (e.key === "ArrowUp" || e.key === "ArrowDown") {
      const next = this.lines[this.lines.findIndex((l) => l.channel.id === h.channelId) + (e.key === "ArrowUp" ? -1 : 1)];
      if (next) this.hold = { ...h, channelId: next.channel.id, moved: true };
    } else if (e.shiftKey && e.altKey) {
      this.hold = { ...h, start: Math.min(this.snapped(h.start + step, step), h.end - shortest), moved: true };
    } else if (e.shiftKey) {
      this.hold = { ...h, end: Math.max(this.snapped(h.end + step, step), h.start + shortest), moved: true };
    } else {
      const start = this.snapped(h.start + step, step);
      this.hold = { ...h, start, end: start + h.end - h.start, moved: true };
    }
    const now = this.hold!;
    const line = this.lines.find((l) => l.channel.id === now.channelId);
    const clash = line ? clashes(line.events, now.start, now.end, h.event.id) : [];
    this.said = texts.heldAt(line?.channel.name ?? "", this.clockOf(now.start), this.clockOf(now.end), clash.map((c) => c.title || common.untitled).join(", "));
    const { from, to } = this.range;
    if (now.start < from || now.end > to) this.wants = { at: now.start, share: 0.4 };
    return true;
  }

  /** The next multiple of the snap in the direction that something goes, else the nearest. */
  private snapped(at: number, step = 0): number {
    const snap = this.snap;
    const midnight = startOfDay(at, this.zone);
    const n = (at - midnight) / snap;
    const whole = step < 0 ? Math.ceil(n - 1e-9) : step > 0 ? Math.floor(n + 1e-9) : Math.round(n);
    return Math.round(midnight + whole * snap);
  }

  private drop(): void {
    const h = this.hold;
    this.hold = null;
    if (!h) return;
    this.said = "";
    if (!h.event) {
      if (h.moved) this.ask("create", { channelId: h.channelId, start: h.start, end: h.end });
      return;
    }
    this.cursor = { channelId: h.channelId, at: h.start, id: h.event.id };
    if (h.by === "keys") this.focusAfter = 5;
    if (h.channelId !== h.event.channelId || h.start !== h.event.start_time || h.end !== h.event.end_time) {
      this.ask("place", { event: h.event, channelId: h.channelId, start: h.start, end: h.end });
    }
  }

  // The pointer.

  private timeUnder(x: number): number {
    return atOf(this.axis, x - this.scroller.getBoundingClientRect().left - this.nameWidth + this.scroller.scrollLeft);
  }

  private lineUnder(y: number): Line | undefined {
    return this.lines[Math.floor((y - this.scroller.getBoundingClientRect().top - this.headHeight + this.scroller.scrollTop) / this.rowHeight)];
  }

  /** What of an event is held: an edge, or all of it. */
  private gripOf(cell: HTMLElement, x: number, touch: boolean): "start" | "end" | "move" {
    const { left, right, width } = cell.getBoundingClientRect();
    const edge = Math.min(touch ? 22 : 7, width / 4);
    return x - left < edge ? "start" : right - x < edge ? "end" : "move";
  }

  private longPress: ReturnType<typeof setTimeout> | undefined;

  private pressed(e: PointerEvent): void {
    const target = e.target as HTMLElement;
    if (e.button !== 0 || !e.isPrimary || target.closest(".name, .head") || !target.closest(".row, .content")) return;
    const channelId = target.closest<HTMLElement>(".row")?.dataset["channel"];
    const line = channelId ? this.lines.find((l) => l.channel.id === channelId) : undefined;
    if (this.hold?.by === "keys") this.drop();
    if (!line) return;
    const touch = e.pointerType === "touch";
    this.pointer = { id: e.pointerId, x: e.clientX, y: e.clientY, down: { x: e.clientX, y: e.clientY }, touch };
    const id = target.closest<HTMLElement>(".cell")?.dataset["id"];
    const event = (id && line.events.find((o) => o.id === id)) || null;
    if (target.closest(".draft") || (!event && target.closest(".cluster"))) return;
    const at = this.timeUnder(e.clientX);
    const mode = !event ? "new" : this.gripOf(target.closest<HTMLElement>(".cell")!, e.clientX, touch);
    const begin = () => {
      const start = event?.start_time ?? this.snapped(at);
      this.hold = { mode, by: "pointer", event, channelId: line.channel.id, start, end: event?.end_time ?? start, grip: at - start, moved: false };
    };
    // A finger that moves at once scrolls, but on what it has tapped.
    if (!touch || (event && (this.selected === event.id || this.cursor?.id === event.id))) {
      if (touch || event || mode === "new") begin();
    } else if (event) {
      this.longPress = setTimeout(() => {
        begin();
        navigator.vibrate?.(15);
      }, 400);
    }
  }

  private dragged(e: PointerEvent): void {
    const p = this.pointer;
    if (!p || e.pointerId !== p.id) return;
    p.x = e.clientX;
    p.y = e.clientY;
    const far = Math.hypot(p.x - p.down.x, p.y - p.down.y) > 5;
    const h = this.hold;
    if (!h || h.by !== "pointer") {
      if (far) clearTimeout(this.longPress);
      return;
    }
    if (!h.moved && !far) return;
    if (!h.moved) this.scroller.setPointerCapture(p.id);
    this.dragTo(h);
    this.autoScroll();
  }

  private dragTo(h: Hold): void {
    const p = this.pointer;
    if (!p) return;
    const at = this.timeUnder(p.x);
    const line = h.mode === "move" ? (this.lineUnder(p.y) ?? this.lines.find((l) => l.channel.id === h.channelId)) : this.lines.find((l) => l.channel.id === h.channelId);
    if (!line) return;
    const others = line.events.filter((o) => o.id !== h.event?.id);
    const edges = others.flatMap((o) => [o.start_time, o.end_time]);
    let { start, end } = h;
    if (h.mode === "move") {
      const length = h.end - h.start;
      start = this.magnet(at - h.grip, [...edges, ...edges.map((x) => x - length)]);
      end = start + length;
    } else if (h.mode === "start") {
      start = Math.min(this.magnet(at, edges), end - shortest);
    } else if (h.mode === "end") {
      end = Math.max(this.magnet(at, edges), start + shortest);
    } else {
      const here = this.magnet(at, edges);
      const origin = this.magnet(h.grip + h.start >= h.start && h.grip >= 0 ? h.start + h.grip : h.start, edges);
      [start, end] = here < origin ? [here, origin] : [origin, here];
      this.hold = { ...h, start, end: Math.max(end, start + shortest), grip: origin - start, moved: true };
      return;
    }
    this.hold = { ...h, channelId: line.channel.id, start, end, moved: true };
  }

  /** Snaps to the edge of a neighbour if one is near, else to the clock. */
  private magnet(at: number, edges: number[]): number {
    const near = 7 / this.axis.scale;
    let best = this.snapped(at);
    let distance = Math.min(Math.abs(best - at), near);
    for (const edge of edges) {
      if (Math.abs(edge - at) <= distance) {
        best = edge;
        distance = Math.abs(edge - at);
      }
    }
    return best;
  }

  private auto = 0;

  /** While something is dragged to an edge, the grid scrolls there. */
  private autoScroll(): void {
    if (this.auto) return;
    const step = () => {
      this.auto = 0;
      const p = this.pointer;
      const h = this.hold;
      if (!p || !h || h.by !== "pointer" || !h.moved) return;
      const box = this.scroller.getBoundingClientRect();
      const margin = 36;
      const push = (at: number, low: number, high: number) => (at < low + margin ? (at - low - margin) / 4 : at > high - margin ? (at - high + margin) / 4 : 0);
      const dx = push(p.x, box.left + this.nameWidth, box.right);
      const dy = push(p.y, box.top + this.headHeight, box.bottom);
      if (!dx && !dy) return;
      this.scroller.scrollBy(dx, dy);
      this.dragTo(h);
      this.auto = requestAnimationFrame(step);
    };
    this.auto = requestAnimationFrame(step);
  }

  private released(e: PointerEvent): void {
    clearTimeout(this.longPress);
    const p = this.pointer;
    if (!p || e.pointerId !== p.id) return;
    this.pointer = null;
    const h = this.hold;
    if (h?.by === "pointer" && h.moved) {
      this.drop();
      return;
    }
    if (h?.by === "pointer") this.hold = null;
    if (Math.hypot(e.clientX - p.down.x, e.clientY - p.down.y) > 5) return;
    this.clicked(e.target as HTMLElement, e.clientX);
  }

  private cancelled(): void {
    clearTimeout(this.longPress);
    this.pointer = null;
    if (this.hold?.by === "pointer") this.hold = null;
  }

  private clicked(target: HTMLElement, x: number): void {
    const channelId = target.closest<HTMLElement>(".row")?.dataset["channel"];
    const line = this.lines.find((l) => l.channel.id === channelId);
    if (!line) return;
    const draftId = target.closest<HTMLElement>(".draft")?.dataset["draft"];
    const draft = draftId && this.store.drafts.find((d) => d.edit.changes.some((c) => c.after?.id === draftId));
    if (draft) {
      this.ask("open", { draft });
      return;
    }
    const cell = target.closest<HTMLElement>(".cell");
    const event = cell?.dataset["id"] ? line.events.find((o) => o.id === cell.dataset["id"]) : undefined;
    const at = this.timeUnder(x);
    if (event && !cell?.matches(".cluster")) {
      this.cursor = { channelId: line.channel.id, at: event.start_time, id: event.id };
      this.focusAfter = 5;
      this.ask("open", { event });
      return;
    }
    if (cell?.matches(".cluster")) this.zoomInto(line, Number(cell.dataset["from"]));
    this.cursor = { channelId: line.channel.id, at, id: null };
    this.focusAfter = 5;
  }

  private doubleClicked(e: MouseEvent): void {
    const target = e.target as HTMLElement;
    if (target.closest(".event, .draft, .name, .head")) return;
    const line = this.lineUnder(e.clientY);
    if (line) this.createAt(line, this.snapped(this.timeUnder(e.clientX)));
  }

  /** Ctrl and the wheel zoom, at the pointer. */
  private wheeled(e: WheelEvent): void {
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    this.zoomAt = this.timeUnder(e.clientX);
    this.ask("zoom", { span: this.span * (e.deltaY > 0 ? 1.25 : 0.8), at: this.zoomAt });
  }
}

/** Puts an element there on the time axis, in pixels. */
const place = (x: number, width?: number) => vars(width === undefined ? { left: `${x.toFixed(2)}px` } : { left: `${x.toFixed(2)}px`, width: `${width.toFixed(2)}px` });

const idOf = (c: Cell): string | null => (c.kind === "event" ? c.event.id : c.kind === "cluster" && c.events.length === 1 ? c.events[0]!.id : null);

const mark = (kind: Difference["kind"]): string => ({ ok: "", late: "\u25F7 ", short: "\u2702 ", failed: "\u26A0 ", missing: "\u2715 ", moved: "\u21C4 " })[kind];

/** Events of one kind have one colour. */
function hueOf(e: Planned): number {
  const text = e.categories?.[0] || e.uri;
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return hash % 12;
}

declare global {
  interface HTMLElementTagNameMap {
    "guide-grid": GuideGrid;
  }
}
