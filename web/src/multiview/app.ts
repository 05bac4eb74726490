import { html, css, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { ApiError, Poll, request } from "../shared/api.ts";
import { icons } from "../shared/icons.ts";
import { controls, ground } from "../shared/styles.ts";
import { common, multiview as texts } from "../shared/texts.ts";
import { chooseTheme, currentTheme } from "../shared/theme.ts";
import { clockSeconds, utc } from "../shared/time.ts";
import type { ChannelView } from "./channel.ts";
import "./channel.ts";
import { widths, type TileSize } from "./grid.ts";
import "./grid.ts";
import { EngineClock, nameOf, type Summary } from "./model.ts";

type Filter = "all" | "awake" | "trouble";
const filters: Filter[] = ["all", "awake", "trouble"];
const limits = [0, 4, 9, 16];

/** How somebody likes the page, kept by the browser. */
function preference<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
  try {
    const value = localStorage.getItem(`consuo-${name}`) as T | null;
    return value !== null && allowed.includes(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

function prefer(name: string, value: string): void {
  try {
    localStorage.setItem(`consuo-${name}`, value);
  } catch {
    // then it lasts as long as the page
  }
}

/** Something to be warned of: it goes on without what it needs, or something has failed. */
const troubled = (c: Summary) => c.degraded || c.now?.reason === "failed";

/** The engine's page: all channels, or the one that the URL names (?channel=one). */
@customElement("consuo-multiview")
export class MultiviewApp extends LitElement {
  static override styles = [ground, controls, css`
    :host { min-height: 100vh; --pad: clamp(10px, 1.6vw, 28px) }
    header {
      position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; padding: 10px var(--pad);
      background: color-mix(in srgb, var(--bg) 92%, transparent); backdrop-filter: blur(8px); border-bottom: 1px solid var(--line);
    }
    .brand { display: flex; align-items: center; gap: 10px; font-weight: 680; font-size: 16px; letter-spacing: -0.01em; color: var(--text); text-decoration: none }
    .brand svg { width: 24px; height: 24px; flex: none }
    .counts { font-size: 13px; color: var(--muted); display: flex; gap: 12px; white-space: nowrap }
    .counts .trouble { color: var(--warn); font-weight: 600 }
    .tools { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin-left: auto }
    .find { position: relative; display: flex; align-items: center }
    .find svg { position: absolute; left: 10px; color: var(--faint); pointer-events: none }
    .find input { padding-left: 34px; width: clamp(140px, 16vw, 260px) }
    .find kbd { position: absolute; right: 8px; font: 11px var(--mono); color: var(--faint); border: 1px solid var(--line); border-radius: 3px; padding: 0 5px; pointer-events: none }
    .find input:focus ~ kbd, .find input:not(:placeholder-shown) ~ kbd { display: none }
    .tools select, .tools button { font-size: 13px }
    .clock { font: 600 17px/1 var(--mono); letter-spacing: 0.01em; min-width: 8ch; text-align: right }
    main { padding: var(--pad) }
    .notice {
      display: flex; gap: 12px; align-items: center; margin: var(--pad) var(--pad) 0; padding: 12px 16px; border-radius: var(--radius); border: 1px solid var(--line); border-left: 3px solid var(--warn);
      background: var(--surface);
    }
    .notice svg { color: var(--warn); flex: none }
    .notice p { color: var(--muted); font-size: 13px }
    .empty { margin: 14vh auto; max-width: 56ch; text-align: center }
    .empty h2 { font-size: 19px; margin-bottom: 6px }
    .empty p { color: var(--muted) }
    pre { text-align: left; font: 13px/1.5 var(--mono); background: var(--sunken); border: 1px solid var(--line); border-radius: var(--radius-small); padding: 12px; overflow-x: auto; color: var(--text) }
    footer { padding: 0 var(--pad) var(--pad); font-size: 12px; color: var(--muted) }
    footer a { color: inherit }
    :host([wall]) header, :host([wall]) footer, :host([wall]) .notice { display: none }
    :host([wall]) main { padding: 0 }
    :host([wall]) { background: #000 }
    :host([wall][idle]) { cursor: none }
    .leave { position: fixed; z-index: 6; inset: 16px auto auto 50%; transform: translateX(-50%); background: #10161ee8; color: #e8edf3; padding: 6px 14px; border-radius: 20px; font-size: 13px; transition: opacity 0.3s }
    :host([idle]) .leave { opacity: 0 }
    dialog { border: 1px solid var(--line-strong); border-radius: var(--radius); background: var(--surface); color: var(--text); padding: 20px 24px; box-shadow: var(--shadow); max-width: calc(100vw - 32px) }
    dialog::backdrop { background: #0008 }
    dialog h2 { font-size: 17px; margin-bottom: 12px }
    dialog dl { display: grid; grid-template-columns: auto 1fr; gap: 8px 18px; font-size: 14px; margin: 0 0 16px }
    dialog dt { font: 12px var(--mono); border: 1px solid var(--line); border-radius: 4px; padding: 1px 7px; justify-self: start; background: var(--raised) }
    dialog dd { margin: 0 }
    @media (max-width: 760px) {
      .tools { margin-left: 0; width: 100%; flex-wrap: nowrap; overflow-x: auto; padding: 2px; margin: -2px }
      .tools > * { flex: none }
      .clock { margin-left: auto; order: 1 } .tools { order: 2 } .find kbd, .keys { display: none }
      :host([single]) .tools { width: auto; order: 0; margin-left: auto } :host([single]) .clock { margin-left: 0 } :host([single]) .counts { display: none }
    }
  `];

  /** Where the licences of bundled code are; index.html knows. */
  @property() licenses = "";
  @property({ type: Boolean, reflect: true }) wall = false;
  @property({ type: Boolean, reflect: true }) idle = false;
  @property({ type: Boolean, reflect: true }) single = false; // one channel is shown

  @state() private channels: Summary[] | undefined;
  @state() private away = "";
  @state() private now = Date.now();
  @state() private channel = "";
  @state() private search = "";
  @state() private filter: Filter = "all";
  @state() private theme = currentTheme();
  @state() private size = preference<TileSize>("tiles", Object.keys(widths) as TileSize[], "medium");
  @state() private limit = Number(preference("playing", limits.map(String), matchMedia("(max-width: 760px)").matches ? "4" : "9"));
  @query("input[type=search]") private searchField!: HTMLInputElement | null;
  @query("dialog") private dialog!: HTMLDialogElement;
  @query("mv-channel") private view!: ChannelView | null;

  private readonly engineClock = new EngineClock();
  private listening = new AbortController();
  private ticking: ReturnType<typeof setInterval> | undefined;
  private idling: ReturnType<typeof setTimeout> | undefined;
  private lock: WakeLockSentinel | undefined;

  // A list of a thousand is 400 KB: it is read less often.
  private readonly poll = new Poll({
    every: () => ((this.channels?.length ?? 0) > 200 ? 10_000 : 4000),
    run: async (signal) => {
      const asked = Date.now();
      const response = await request("channels", { signal });
      this.engineClock.read(response, asked);
      this.channels = (await response.json()) as Summary[];
      this.away = "";
    },
    failed: (err) => (this.away = err instanceof ApiError ? err.detail : String(err)),
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.listening = new AbortController();
    const { signal } = this.listening;
    this.route();
    addEventListener("popstate", () => this.route(), { signal });
    addEventListener("keydown", (e) => this.keydown(e), { signal });
    for (const event of ["pointermove", "pointerdown", "keydown"]) addEventListener(event, () => this.stir(), { passive: true, signal });
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => (this.theme = currentTheme()), { signal });
    document.addEventListener("visibilitychange", () => this.wall && void this.stayAwake(), { signal });
    this.wall = new URLSearchParams(location.search).has("wall");
    if (this.wall) void this.stayAwake();
    this.stir();
    this.poll.start();
    this.ticking = setInterval(() => {
      if (!document.hidden) this.now = this.engineClock.now();
    }, 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.listening.abort();
    this.poll.stop();
    clearInterval(this.ticking);
    clearTimeout(this.idling);
  }

  private route(): void {
    this.show(new URLSearchParams(location.search).get("channel") ?? "");
  }

  private show(channel: string): void {
    this.channel = channel;
    this.single = channel !== "";
  }

  private url(channel: string, wall = this.wall): string {
    const query = new URLSearchParams();
    if (channel) query.set("channel", channel);
    if (wall) query.set("wall", "");
    const text = query.toString().replace(/=$/, "");
    return location.pathname + (text && `?${text}`);
  }

  private async open(channel: string): Promise<void> {
    const before = this.channel;
    if (channel === before) return;
    history.pushState(null, "", this.url(channel));
    this.show(channel);
    await this.updateComplete;
    if (channel && !before) scrollTo(0, 0);
  }

  /** Links to channels of this page open without a new page, unless somebody wants a new tab. */
  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find((e): e is HTMLAnchorElement => e instanceof HTMLAnchorElement);
    if (!link || link.target || link.origin !== location.origin || link.pathname !== location.pathname) return;
    event.preventDefault();
    void this.open(new URLSearchParams(link.search).get("channel") ?? "");
  }

  private step(by: number): void {
    const list = this.shown;
    const at = list.findIndex((c) => c.id === this.channel);
    const next = list[(at + by + list.length) % list.length];
    if (next) void this.open(next.id);
  }

  private keydown(event: KeyboardEvent): void {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    if (target instanceof HTMLElement && target.matches("input:not([type=range]), textarea, select")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const button = target instanceof HTMLElement && target.matches("button, a");
    const screen = this.view?.screenElement;
    const keys: Record<string, (() => void) | undefined> = {
      "/": () => void this.find(),
      f: () => (this.channel ? screen?.toggleFull() : this.toggleWall()),
      t: () => this.toggleTheme(),
      "?": () => this.dialog.showModal(),
      Escape: () => (this.wall ? this.toggleWall() : void this.open("")),
      "[": this.channel ? () => this.step(-1) : undefined,
      "]": this.channel ? () => this.step(1) : undefined,
      " ": this.channel && !button ? () => screen?.togglePlay() : undefined,
      m: this.channel ? () => screen?.toggleMute() : undefined,
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  private async find(): Promise<void> {
    if (this.wall) this.toggleWall();
    if (this.channel) await this.open("");
    await this.updateComplete;
    this.searchField?.focus();
  }

  private toggleTheme(): void {
    this.theme = this.theme === "dark" ? "light" : "dark";
    chooseTheme(this.theme);
  }

  /** The wall fills the screen if the browser lets it, and keeps it on. */
  private toggleWall(): void {
    this.wall = !this.wall;
    history.replaceState(null, "", this.url(this.channel));
    if (this.wall) {
      document.documentElement.requestFullscreen?.().catch(() => {});
      void this.stayAwake();
    } else {
      if (document.fullscreenElement) void document.exitFullscreen();
      void this.lock?.release();
      this.lock = undefined;
    }
    this.stir();
  }

  private async stayAwake(): Promise<void> {
    try {
      if (!document.hidden) this.lock = await navigator.wakeLock?.request("screen");
    } catch {
      // not allowed: then the screen goes off as it is set
    }
  }

  private stir(): void {
    this.idle = false;
    clearTimeout(this.idling);
    this.idling = setTimeout(() => (this.idle = this.wall), 3000);
  }

  /** The channels that fit what is searched for. */
  private get shown(): Summary[] {
    const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
    return (this.channels ?? []).filter((c) => {
      if (this.filter === "awake" && c.state === "dormant") return false;
      if (this.filter === "trouble" && !troubled(c)) return false;
      if (words.length === 0) return true;
      const text = `${c.id} ${c.name} ${c.now?.title ?? ""} ${c.next?.title ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  override updated(): void {
    const name = this.summary ? nameOf(this.summary) : this.channel;
    document.title = [name, texts.title, "Consuo"].filter(Boolean).join(" \u2013 ");
  }

  override render() {
    const { channel } = this;
    const summary = this.summary;
    return html`
      ${this.renderHeader()}
      ${this.away ? html`<div class="notice" role="status">${icons.warn}<div><strong>${texts.away}</strong><p>${texts.awayHint(this.away)}</p></div></div>` : nothing}
      <main @click=${(e: MouseEvent) => this.follow(e)} @woke=${() => this.poll.now()}>
        ${channel && !this.wall
          ? html`<mv-channel .channel=${channel} .summary=${summary} .engineClock=${this.engineClock} .now=${this.now}
              @go=${(e: CustomEvent<string>) => (e.detail === "all" ? void this.open("") : this.step(e.detail === "next" ? 1 : -1))}></mv-channel>`
          : this.renderAll()}
      </main>
      ${this.wall ? html`<div class="leave" aria-hidden="true">${texts.wallLeave}</div>` : nothing}
      <footer><a href=${this.licenses}>${common.licenses}</a></footer>
      <dialog aria-labelledby="keys">
        <h2 id="keys">${texts.keysTitle}</h2>
        <dl>${texts.keys.map(([key, what]) => html`<dt>${key}</dt><dd>${what}</dd>`)}</dl>
        <button class="primary" @click=${() => this.dialog.close()}>${common.close}</button>
      </dialog>`;
  }

  private get summary(): Summary | undefined {
    return this.channels?.find((c) => c.id === this.channel);
  }

  private renderHeader() {
    const { channels } = this;
    const awake = channels?.filter((c) => c.state !== "dormant").length ?? 0;
    const trouble = channels?.filter(troubled).length ?? 0;
    const themeText = this.theme === "dark" ? common.themeLight : common.themeDark;
    const option = (value: string | number, chosen: string | number, text: string) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`;
    const value = (e: Event) => (e.target as HTMLSelectElement).value;
    return html`<header>
      <a class="brand" href=${location.pathname} @click=${(e: MouseEvent) => this.follow(e)}>
        <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M2 8h11v16H2z" fill="var(--faint)"/><path d="M19 8h11v16H19z" fill="var(--accent)"/><path d="M15 3h2v26h-2z" fill="var(--live)"/></svg>
        ${this.channel ? html`<span>${texts.title}</span>` : html`<h1 class="brand">${texts.title}</h1>`}
      </a>
      <div class="counts">
        ${channels ? html`<span>${texts.counts(awake, channels.length)}</span>` : html`<span>${common.loading}</span>`}
        ${trouble ? html`<span class="trouble">${texts.trouble(trouble)}</span>` : nothing}
      </div>
      <div class="tools">
        ${this.channel ? nothing : html`
          <div class="find">${icons.search}
            <input type="search" placeholder=${texts.search} aria-label=${texts.search} .value=${this.search} @input=${(e: Event) => {
              this.search = value(e);
              scrollTo(0, 0);
            }}><kbd aria-hidden="true">${texts.searchKey}</kbd>
          </div>
          <select aria-label=${texts.show} @change=${(e: Event) => (this.filter = value(e) as Filter)}>
            ${filters.map((f) => option(f, this.filter, texts.filters[f] ?? f))}
          </select>
          <select aria-label=${texts.tileSize} @change=${(e: Event) => {
            this.size = value(e) as TileSize;
            prefer("tiles", this.size);
          }}>${Object.keys(widths).map((s) => option(s, this.size, texts.tileSizes[s] ?? s))}</select>
          <select aria-label=${texts.playing} title=${texts.playingTitle} @change=${(e: Event) => {
            this.limit = Number(value(e));
            prefer("playing", String(this.limit));
          }}>${limits.map((n) => option(n, this.limit, n === 0 ? texts.playingNone : texts.playingOf(n)))}</select>
          <button title=${texts.wallTitle} @click=${() => this.toggleWall()}>${icons.full}${texts.wall}</button>`}
        <button class="icon keys" aria-label=${texts.help} title=${texts.help} @click=${() => this.dialog.showModal()}>${icons.keys}</button>
        <button class="icon" aria-label=${themeText} title=${themeText} @click=${() => this.toggleTheme()}>${this.theme === "dark" ? icons.sun : icons.moon}</button>
      </div>
      <time class="clock" datetime=${new Date(this.now).toISOString()} title=${texts.clockTitle(utc(this.now))}>${clockSeconds(this.now)}</time>
    </header>`;
  }

  private renderAll() {
    if (!this.channels) return this.away ? nothing : html`<p class="empty">${common.loading}</p>`;
    if (this.channels.length === 0) {
      return html`<div class="empty"><h2>${texts.noChannels}</h2><p>${texts.noChannelsHint}</p>
        <pre tabindex="0">${texts.noChannelsCommand}</pre></div>`;
    }
    const shown = this.shown;
    if (shown.length === 0) return html`<div class="empty"><h2>${texts.noMatch}</h2><p>${texts.noMatchHint}</p></div>`;
    return html`<mv-grid .channels=${shown} .now=${this.now} size=${this.size} limit=${this.limit} ?wall=${this.wall}></mv-grid>`;
  }
}
