import { html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { controls, ground } from "../shared/styles.ts";
import { common, guide as texts } from "../shared/texts.ts";
import { chooseTheme, currentTheme } from "../shared/theme.ts";
import { appStyles } from "./app-styles.ts";
import "./channel-form.ts";
import { type EventForm, type Subject } from "./event-form.ts";
import "./event-form.ts";
import { type GuideGrid, type GridEvents } from "./grid.ts";
import "./grid.ts";
import { firstFree, spans } from "./layout.ts";
import { newID, Service } from "./service.ts";
import { Store, type Draft, type Line } from "./store.ts";
import type { Edit, Planned } from "./types.ts";
import { day, dateText, hour, localZone, minute, readWall, second, startOfDay } from "./zone.ts";

type Panel = { kind: "event"; subject: Subject } | { kind: "channel"; channelId: string };

/** The guide: what all channels play when, to be looked at and planned. */
@customElement("consuo-guide")
export class GuideApp extends LitElement {
  static override styles = [ground, controls, appStyles];

  /** Where the licences of bundled code are; index.html knows. */
  @property() licenses = "";

  @state() private version = 0;
  @state() private zone = localZone;
  @state() private span = 0;
  @state() private filter = "";
  @state() private panel: Panel | null = null;
  @state() private toast: { text: string; kind: "info" | "bad"; undo: boolean } | null = null;
  @state() private theme = currentTheme();
  @state() private enginePage: string | null = null;
  @state() private keyRefused: string | null = null;
  @state() private menu = false;
  @state() private shownFrom = Date.now();
  private answerKey: ((key: string | null) => void) | null = null;
  private toastTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly listening = new AbortController();

  private readonly store = new Store(
    new Service((refused) => {
      this.keyRefused = refused;
      this.answerKey?.(null);
      return new Promise((resolve) => {
        this.answerKey = resolve;
        void this.updateComplete.then(() => this.keyDialog.showModal());
      });
    }),
  );

  @query("guide-grid") private readonly grid!: GuideGrid;
  @query("#help") private readonly help!: HTMLDialogElement;
  @query("#key") private readonly keyDialog!: HTMLDialogElement;
  @query("guide-event") private readonly form!: EventForm | null;

  override connectedCallback(): void {
    super.connectedCallback();
    const { signal } = this.listening;
    this.store.addEventListener("change", () => this.know(), { signal });
    this.store.notify = (text, kind) => this.say(text, kind);
    document.addEventListener("keydown", (e) => this.keyed(e), { signal });
    document.addEventListener("paste", (e) => this.pasted(e), { signal });
    document.addEventListener("dragover", (e) => e.dataTransfer?.types.includes("text/uri-list") && e.preventDefault(), { signal });
    document.addEventListener("drop", (e) => this.dropped(e), { signal });
    this.store.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.listening.abort();
    this.store.stop();
  }

  /** The store has changed. */
  private know(): void {
    this.version++;
    if (!this.span && this.store.loaded) this.span = this.fitting();
    if (!this.fitted && this.store.lines.some((l) => l.to > l.from)) {
      this.fitted = true;
      this.span = this.fitting();
    }
    if (!this.askedEnginePage) {
      this.askedEnginePage = true;
      void this.store.service.enginePage().then((page) => (this.enginePage = page)).catch(() => (this.askedEnginePage = false));
    }
    const panel = this.panel;
    if (panel?.kind === "channel" && panel.channelId && !this.store.line(panel.channelId)) this.panel = null;
    if (panel?.kind === "event" && panel.subject.kind === "draft" && !this.store.drafts.includes(panel.subject.draft) && !this.replacing) this.panel = null;
  }

  /** Whether the span fits what is planned, or was chosen. */
  private fitted = false;
  private askedEnginePage = false;
  /** While a draft is tried again it is none, and the form stays. */
  private replacing = false;

  /** A span in which usual events of now can be read. */
  private fitting(): number {
    const now = Date.now();
    const near = this.store.lines.flatMap((l) => l.events.filter((e) => Math.abs(e.start_time - now) < 12 * hour).map((e) => e.end_time - e.start_time)).sort((a, b) => a - b);
    const usual = near[near.length >> 1];
    if (!usual) return Math.max(4 * hour * Math.min(1, innerWidth / 1280), hour);
    const wanted = (usual * Math.max(innerWidth - 190, 280)) / 175;
    return spans.find((s) => s >= wanted * 0.75) ?? day;
  }

  private get lines(): Line[] {
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return this.store.lines;
    return this.store.lines.filter(({ channel }) => words.every((w) => `${channel.id} ${channel.name} ${String(channel.config["group"] ?? "")}`.toLowerCase().includes(w)));
  }

  private say(text: string, kind: "info" | "bad"): void {
    clearTimeout(this.toastTimer);
    this.toast = { text, kind, undo: kind === "info" && this.store.undoable.length > 0 };
    this.toastTimer = setTimeout(() => (this.toast = null), kind === "bad" ? 12 * second : 6 * second);
  }

  // Rendering.

  override render(): TemplateResult {
    const lines = this.lines;
    const s = this.store;
    return html`
      <header>
        <h1>${texts.title}</h1>
        <div class="group" role="group" aria-label=${texts.dayGroup}>
          <button class="icon" id="back" aria-label=${texts.earlier} title="${texts.earlier} (PgUp)" @click=${() => this.page(-1)}>‹</button>
          <input id="day" type="date" aria-label=${texts.goToDay} .value=${dateText(this.shownFrom, this.zone)} @change=${this.picked}>
          <button class="icon" id="forward" aria-label=${texts.later} title="${texts.later} (PgDn)" @click=${() => this.page(1)}>›</button>
          <button id="now" title="${texts.goToNow} (T)" @click=${this.toNow}>${texts.now}</button>
        </div>
        <div class="group" role="group" aria-label=${texts.zoomGroup}>
          <button class="icon" id="out" aria-label=${texts.zoomOut} title="${texts.zoomOut} (−)" @click=${() => this.zoom(1)}>−</button>
          <select id="span" aria-label=${texts.zoomGroup} @change=${(e: Event) => this.show(Number((e.target as HTMLSelectElement).value))}>
            ${spans.map((v) => html`<option value=${v} .selected=${v === this.nearest}>${spanText(v)}</option>`)}
          </select>
          <button class="icon" id="in" aria-label=${texts.zoomIn} title="${texts.zoomIn} (+)" @click=${() => this.zoom(-1)}>+</button>
        </div>
        <input id="filter" type="search" placeholder=${texts.filter} aria-label=${texts.filter} .value=${this.filter} @input=${(e: Event) => (this.filter = (e.target as HTMLInputElement).value)}>
        <button class="icon" id="menu" aria-label=${texts.menu} aria-expanded=${this.menu} aria-controls="more" @click=${() => (this.menu = !this.menu)}>${icons.menu}</button>
        <div id="more" class=${this.menu ? "open" : ""} @click=${() => (this.menu = false)}>
          ${localZone === "UTC" ? html`<span class="zone">UTC</span>` : html`<button id="zone" aria-pressed=${this.zone === "UTC"} title=${texts.zoneSwitch(localZone)} @click=${() => (this.zone = this.zone === "UTC" ? localZone : "UTC")}>UTC</button>`}
          <div class="group">
            <button class="icon" id="undo" aria-label=${texts.undo} title="${texts.undo} (Ctrl+Z)" ?disabled=${s.undoable.length === 0} @click=${() => s.undo()}>${icons.undo}</button>
            <button class="icon" id="redo" aria-label=${texts.redo} title="${texts.redo} (Ctrl+Y)" ?disabled=${s.redoable.length === 0} @click=${() => s.redo()}>${icons.redo}</button>
          </div>
          <div class="group">
            ${this.enginePage ? html`<a class="button" id="multiview" href=${this.enginePage}>${texts.multiview}</a>` : nothing}
            <button class="icon" id="theme" aria-label=${this.theme === "dark" ? common.themeLight : common.themeDark} title=${this.theme === "dark" ? common.themeLight : common.themeDark} @click=${this.switchTheme}>${icons.theme}</button>
            <button class="icon" id="help-button" aria-label=${texts.help} title="${texts.help} (?)" @click=${() => this.help.showModal()}>?</button>
          </div>
        </div>
        <button class="primary" id="new" ?disabled=${s.lines.length === 0} @click=${() => this.openNew("")}><span aria-hidden="true">+</span> ${texts.newEvent}</button>
      </header>
      ${s.offline !== null ? html`<p class="offline" role="alert">${texts.offline(s.offline)}</p>` : nothing}
      <main>
        ${this.span
          ? html`<guide-grid .store=${s} .lines=${lines} .version=${this.version} .zone=${this.zone} .span=${this.span} .selected=${this.selected} .marked=${this.marked} .enginePage=${this.enginePage}
              @open=${this.opened} @create=${this.created} @place=${this.placed} @remove=${this.removed} @copy=${this.copied} @zoom=${this.zoomed} @moved=${this.moved}
              @channel=${(e: CustomEvent<GridEvents["channel"]>) => (this.panel = { kind: "channel", channelId: e.detail.channelId })}></guide-grid>`
          : html`<p class="first">${common.loading}</p>`}
        ${s.loaded && s.lines.length === 0 ? html`<div class="empty"><p>${texts.noChannels}</p><button class="primary" @click=${() => (this.panel = { kind: "channel", channelId: "" })}>${texts.newChannel}</button></div>` : nothing}
        ${s.lines.length > 0 && lines.length === 0 ? html`<div class="empty"><p>${texts.noMatch}</p></div>` : nothing}
        ${this.renderPanel()}
      </main>
      <footer>
        <span class="key"><i class="swatch planned"></i>${texts.keyPlanned}</span><span class="key"><i class="swatch gap"></i>${texts.keyGap}</span>
        <span class="key"><i class="swatch aired"></i>${texts.keyAired}</span><span class="key"><i class="swatch bad"></i>${texts.keyBad}</span>
        ${s.drafts.length ? html`<button class="drafts" @click=${() => this.openDraft(s.drafts[0]!)}>${texts.drafts(s.drafts.length)}</button>` : nothing}
        <span class="push"></span>
        ${s.service.hasKey ? html`<button class="link" id="forget" @click=${() => { s.service.forgetKey(); this.say(texts.keyForgotten, "info"); this.version++; }}>${texts.forgetKey}</button>` : nothing}
        <a href="api/docs/">${texts.api}</a><a href=${this.licenses}>${common.licenses}</a>
      </footer>
      <div class="toasts" role="status">${this.toast
        ? html`<p class="toast ${this.toast.kind}">${this.toast.text}${this.toast.undo ? html`<button @click=${() => s.undo()}>${texts.undo}</button>` : nothing}
            <button class="icon" aria-label=${common.close} @click=${() => (this.toast = null)}>✕</button></p>`
        : nothing}</div>
      ${this.renderHelp()} ${this.renderKey()}
    `;
  }

  private renderPanel(): unknown {
    const p = this.panel;
    if (!p) return nothing;
    return html`<aside aria-label=${texts.panel} @keydown=${(e: KeyboardEvent) => e.key === "Escape" && this.close()}>
      ${p.kind === "event"
        ? html`<guide-event .store=${this.store} .subject=${p.subject} .zone=${this.zone} .version=${this.version} @close=${this.close} @committed=${this.committed} @open=${this.opened} @copy=${this.copied} @remove=${this.removed}></guide-event>`
        : html`<guide-channel .store=${this.store} .channelId=${p.channelId} .zone=${this.zone} .day=${this.shownFrom} @close=${this.close}
            @saved=${(e: CustomEvent<{ channelId: string }>) => (this.panel = { kind: "channel", channelId: e.detail.channelId })}></guide-channel>`}
    </aside>`;
  }

  private renderHelp(): TemplateResult {
    return html`<dialog id="help" aria-labelledby="help-title"><div class="actions"><h2 id="help-title">${texts.help}</h2><button class="icon push" aria-label=${common.close} @click=${() => this.help.close()}>✕</button></div>
      <p>${texts.helpIntro}</p>
      <dl>${texts.keys.map(([keys, what]) => html`<dt>${keys.split(" / ").map((k, i) => html`${i ? " / " : ""}<kbd>${k}</kbd>`)}</dt><dd>${what}</dd>`)}</dl></dialog>`;
  }

  private renderKey(): TemplateResult {
    return html`<dialog id="key" aria-labelledby="key-title" @close=${() => this.keyGiven(null)}>
      <form method="dialog" @submit=${(e: Event) => { e.preventDefault(); this.keyGiven((this.keyDialog.querySelector("input") as HTMLInputElement).value); }}>
        <h2 id="key-title">${texts.keyTitle}</h2>
        <p>${texts.keyHelp}</p>
        ${this.keyRefused !== null ? html`<p class="bad" role="alert">${texts.keyWrong}</p>` : nothing}
        <label class="field"><span>${texts.keyField}</span><input type="password" required autocomplete="off"></label>
        <div class="actions"><button class="primary" type="submit">${texts.keyUse}</button><button type="button" @click=${() => this.keyDialog.close()}>${texts.cancel}</button></div>
      </form></dialog>`;
  }

  private keyGiven(key: string | null): void {
    const answer = this.answerKey;
    this.answerKey = null;
    const input = this.keyDialog.querySelector("input");
    if (input) input.value = "";
    if (this.keyDialog.open) this.keyDialog.close();
    answer?.(key?.trim() || null);
  }

  private get selected(): string {
    const subject = this.panel?.kind === "event" ? this.panel.subject : null;
    if (subject?.kind === "event") return subject.event.id;
    return subject?.kind === "draft" ? `draft-${subject.draft.edit.changes.find((c) => c.after)?.after?.id ?? ""}` : "";
  }

  private markedOf = "";
  private markedSet = new Set<string>();

  /** What is in the way of drafts; the same set while it is the same. */
  private get marked(): Set<string> {
    const ids = this.store.drafts.flatMap((d) => d.with.map((e) => e.id));
    const text = ids.join();
    if (text !== this.markedOf) {
      this.markedOf = text;
      this.markedSet = new Set(ids);
    }
    return this.markedSet;
  }

  // Where somebody looks.

  private get nearest(): number {
    return spans.reduce((best: number, s) => (Math.abs(Math.log(s / this.span)) < Math.abs(Math.log(best / this.span)) ? s : best), spans[0]);
  }

  private zoom(steps: number): void {
    const i = spans.indexOf(this.nearest as (typeof spans)[number]) + steps;
    this.show(spans[Math.min(Math.max(i, 0), spans.length - 1)]!);
  }

  private show(span: number): void {
    this.fitted = true; // somebody has chosen
    this.span = Math.min(Math.max(span, spans[0]), spans[spans.length - 1]!);
  }

  private zoomed(e: CustomEvent<GridEvents["zoom"]>): void {
    this.show(e.detail.span);
  }

  private toNow(): void {
    this.grid.goTo(Date.now(), 0.3);
  }

  /** By what can be seen, or by a day where that is less. */
  private page(direction: number): void {
    const { from } = this.grid.range;
    const at = this.span >= day ? startOfDay(from + minute, this.zone, direction * Math.round(this.span / day)) : startOfDay(from + minute, this.zone, direction) + (from - startOfDay(from + minute, this.zone));
    this.grid.goTo(at, 0);
  }

  private picked(e: Event): void {
    const at = readWall((e.target as HTMLInputElement).value, "00:00", this.zone);
    if (Number.isFinite(at)) this.grid.goTo(this.span >= day ? at : at + 6 * hour, 0);
  }

  private moved(e: CustomEvent<{ from: number; to: number }>): void {
    const { from, to } = e.detail;
    this.shownFrom = from + (to - from) * 0.3;
  }

  private switchTheme(): void {
    this.theme = this.theme === "dark" ? "light" : "dark";
    chooseTheme(this.theme);
  }

  // What somebody does.

  private opened(e: CustomEvent<GridEvents["open"]>): void {
    if ("draft" in e.detail) this.openDraft(e.detail.draft);
    else this.panel = { kind: "event", subject: { kind: "event", event: e.detail.event } };
  }

  private openDraft(draft: Draft): void {
    this.panel = { kind: "event", subject: { kind: "draft", draft } };
    const after = draft.edit.changes.find((c) => c.after)?.after;
    if (after) void this.updateComplete.then(() => this.grid.reveal(after.start_time));
  }

  private created(e: CustomEvent<GridEvents["create"]>): void {
    this.panel = { kind: "event", subject: { kind: "new", uri: "", ...e.detail } };
  }

  /** A new event where the keyboard is, else on the first channel, in the next free time. */
  private openNew(uri: string): void {
    const focused = this.grid.focusedLine;
    const line = focused?.line ?? this.lines[0] ?? this.store.lines[0];
    if (!line) return;
    const { from, to } = this.grid.range;
    const now = Date.now();
    const least = now > from && now < to ? Math.ceil((now + minute) / minute) * minute : from;
    const at = focused ? (focused.event?.end_time ?? Math.max(focused.at, Math.min(least, to))) : least;
    this.panel = { kind: "event", subject: { kind: "new", channelId: line.channel.id, start: firstFree(line.events, Math.round(at), minute), end: null, uri } };
  }

  private placed(e: CustomEvent<GridEvents["place"]>): void {
    const { event, channelId, start, end } = e.detail;
    const after: Planned = { ...event, channelId, start_time: start, end_time: end };
    const title = event.title || common.untitled;
    const resized = end - start !== event.end_time - event.start_time;
    const label = resized ? texts.resized(title) : texts.movedEvent(title);
    const changes = channelId === event.channelId ? [{ before: event, after }] : [{ before: null, after }, { before: event, after: null }];
    void this.commit({ label, changes }, after);
  }

  private async commit(edit: Edit, after: Planned | null): Promise<void> {
    const outcome = await this.store.commit(edit);
    const open = this.panel?.kind === "event" ? this.panel.subject : null;
    if (outcome === "draft") this.openDraft(this.store.drafts[this.store.drafts.length - 1]!);
    else if (after && open?.kind === "event" && open.event.id === after.id) {
      const stored = this.store.line(after.channelId)?.events.find((o) => o.id === after.id);
      if (stored) this.panel = { kind: "event", subject: { kind: "event", event: stored } };
    }
  }

  private removed(e: CustomEvent<GridEvents["remove"]>): void {
    const { event } = e.detail;
    if (this.panel?.kind === "event" && this.selected === event.id) this.close();
    void this.commit({ label: texts.removed(event.title || common.untitled), changes: [{ before: event, after: null }] }, null);
  }

  /** A copy goes to the next free time after its original. */
  private copied(e: CustomEvent<GridEvents["copy"]>): void {
    const { event } = e.detail;
    const line = this.store.line(event.channelId);
    const length = event.end_time - event.start_time;
    const start = firstFree(line?.events ?? [], event.end_time, length);
    const after: Planned = { ...event, id: newID(), start_time: start, end_time: start + length };
    void this.commit({ label: texts.copied(event.title || common.untitled), changes: [{ before: null, after }] }, null).then(() => {
      if (this.store.line(after.channelId)?.events.some((o) => o.id === after.id)) this.grid.focusOn({ channelId: after.channelId, at: after.start_time, id: after.id });
    });
  }

  private committed(e: CustomEvent<{ outcome: string; event: Planned; focus: boolean }>): void {
    const { outcome, event } = e.detail;
    if (outcome === "draft") this.openDraft(this.store.drafts[this.store.drafts.length - 1]!);
    else if (outcome === "done") {
      this.close();
      this.grid.focusOn({ channelId: event.channelId, at: event.start_time, id: event.id });
    }
  }

  private close(): void {
    this.panel = null;
    const at = this.grid?.focusedLine;
    if (at) this.grid.focusOn({ channelId: at.line.channel.id, at: at.event?.start_time ?? at.at, id: at.event?.id ?? null });
  }

  private keyed(e: KeyboardEvent): void {
    const typing = e.composedPath().some((t) => t instanceof HTMLElement && t.matches("input, textarea, select, dialog[open]"));
    if (typing || e.defaultPrevented) return;
    const key = e.key.toLowerCase();
    if (e.ctrlKey || e.metaKey) {
      const back = key === "z" && !e.shiftKey;
      if (!back && key !== "y" && key !== "z") return;
      e.preventDefault();
      void (back ? this.store.undo() : this.store.redo());
      return;
    }
    if (e.altKey) return;
    const actions: Record<string, () => void> = {
      "?": () => this.help.showModal(), t: () => this.toNow(), "+": () => this.zoom(-1), "=": () => this.zoom(-1), "-": () => this.zoom(1), escape: () => this.panel && this.close(),
    };
    const action = actions[key];
    if (!action) return;
    e.preventDefault();
    action();
  }

  /** A URL that is pasted anywhere becomes an event. */
  private pasted(e: ClipboardEvent): void {
    if (e.defaultPrevented || e.composedPath().some((t) => t instanceof HTMLElement && t.matches("input, textarea, dialog[open]"))) return;
    this.plan(e.clipboardData?.getData("text") ?? "", e);
  }

  private dropped(e: DragEvent): void {
    this.plan(e.dataTransfer?.getData("text/uri-list") ?? "", e);
  }

  private plan(text: string, e: Event): void {
    const uri = text.trim().split(/\s/)[0] ?? "";
    if (!/^https?:\/\/./.test(uri)) return;
    e.preventDefault();
    this.openNew(uri);
    void this.updateComplete.then(() => this.form?.focus());
  }
}

const spanText = (ms: number): string => (ms >= day ? texts.days7(ms / day) : ms >= hour ? texts.hours(ms / hour) : texts.minutes(ms / minute));

const icon = (path: string) => html`<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${path} /></svg>`;
const icons = {
  undo: icon("M7.5 4.5 3.5 8.5l4 4M3.5 8.5h8a5 5 0 0 1 0 10h-2"),
  redo: icon("M12.5 4.5l4 4-4 4M16.5 8.5h-8a5 5 0 0 0 0 10h2"),
  menu: icon("M3.5 5.5h13M3.5 10h13M3.5 14.5h13"),
  theme: icon("M10 2.5a7.5 7.5 0 1 0 0 15zM10 2.5a7.5 7.5 0 0 1 0 15"),
};

declare global {
  interface HTMLElementTagNameMap {
    "consuo-guide": GuideApp;
  }
}
