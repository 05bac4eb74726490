import { html, css, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { Player, type PlayerState } from "../shared/player.ts";
import { ground } from "../shared/styles.ts";
import { multiview as texts, common } from "../shared/texts.ts";
import { clock, time } from "../shared/time.ts";
import { vars } from "../shared/vars.ts";
import { nameOf, playlistURL, progress, type OnAir, type Summary } from "./model.ts";
import { badges } from "./badges.ts";

/** What airs, in a few words: its title, or what kind of filling it is. */
export function titleOf(onAir: OnAir): string {
  if (onAir.kind !== "event") return texts.kinds[onAir.kind] ?? onAir.kind;
  return onAir.title || common.untitled;
}

/** A channel among others: a small picture, what is on and what comes next. */
@customElement("mv-tile")
export class Tile extends LitElement {
  static override styles = [ground, badges, css`
    :host { position: relative; height: 100% }
    article {
      position: relative; display: flex; flex-direction: column; height: 100%; overflow: hidden;
      background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); transition: border-color 0.12s;
    }
    :host(:hover) article { border-color: var(--line-strong) }
    :host(:focus-within) article { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent) }
    .screen { position: relative; aspect-ratio: 16 / 9; background: #05070a; overflow: hidden; flex: none }
    .screen > * { position: absolute; inset: 0 }
    video, canvas { width: 100%; height: 100%; object-fit: contain; opacity: 0; transition: opacity 0.25s }
    video.shown { opacity: 1 }
    canvas.shown { opacity: 0.55 }
    .initials {
      display: grid; place-items: center; color: #ffffff1f; font-weight: 700; font-size: clamp(22px, 4vw, 44px); letter-spacing: 0.06em; user-select: none;
      background: repeating-linear-gradient(135deg, #ffffff05 0 10px, transparent 10px 20px);
    }
    .flags { inset: 8px 8px auto; display: flex; gap: 6px; align-items: start }
    .flags .end { margin-left: auto }
    .seen { inset: auto 8px 6px auto; font-size: 11px; color: #ffffffb0; text-shadow: 0 0 3px #000 }
    .line { position: absolute; inset: auto 0 0; height: 3px; background: #ffffff24 }
    .line i { position: absolute; inset: 0; background: var(--live); transform-origin: left; transform: scaleX(var(--done, 0)) }
    .line.fill i { background: var(--filler) }
    .plate { flex: 1; min-height: 0; padding: 9px 12px 10px; display: grid; grid-template-rows: auto auto auto; align-content: space-between; gap: 2px }
    h3 { font-size: 14px; font-weight: 650; line-height: 1.3; letter-spacing: 0.005em }
    h3 a { color: inherit; text-decoration: none; outline: none }
    h3 a::after { content: ""; position: absolute; inset: 0 }
    .row { display: flex; gap: 8px; align-items: baseline; font-size: 13px; line-height: 1.35; color: var(--muted) }
    .row b { font-weight: 500; color: var(--text) }
    .row .ellipsis { flex: 1; min-width: 0 }
    .row span.times { flex: none; font-size: 12px }
    .fillertext b { color: var(--filler) }
    :host([bare]) .plate { display: none }
    :host([bare]) .umd { display: block }
    :host([bare]) .screen { aspect-ratio: auto; flex: 1 }
    :host([bare]) article { border-radius: 0; border-color: transparent }
    .umd {
      display: none; inset: auto 0 3px; padding: 14px 10px 5px; font-size: 13px; font-weight: 600; color: #fff; text-align: center;
      background: linear-gradient(transparent, #000b);
    }
    @media (max-width: 520px) { .plate { padding: 7px 9px 8px } h3 { font-size: 13px } .row { font-size: 12px } .row span.times { display: none } }
  `];

  @property({ attribute: false }) channel!: Summary;
  /** The engine's clock, in Unix milliseconds. */
  @property({ attribute: false }) now = 0;
  @property({ type: Boolean }) playing = false;
  /** Only a picture with a name, as on a wall. */
  @property({ type: Boolean, reflect: true }) bare = false;

  @state() private player: PlayerState | "" = "";
  @state() private detail = "";
  @state() private seen = 0;
  @query("video") private video!: HTMLVideoElement;
  @query("canvas") private canvas!: HTMLCanvasElement;
  private running: Player | undefined;

  override updated(changed: PropertyValues<this>): void {
    const id = changed.get("channel")?.id;
    if (id !== undefined && id !== this.channel.id) {
      this.stop();
      this.seen = 0;
    }
    if (this.playing && !this.running) this.start();
    if (!this.playing && this.running) this.stop();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.playing && this.hasUpdated) this.requestUpdate("playing", false);
  }

  override focus(options?: FocusOptions): void {
    this.renderRoot.querySelector("a")?.focus(options);
  }

  private start(): void {
    this.video.muted = true;
    this.running = new Player(this.video, playlistURL(this.channel.id), {
      small: true,
      onState: (state, detail) => {
        this.player = state;
        this.detail = detail;
        if (state === "playing" && this.channel.state === "dormant") this.dispatchEvent(new Event("woke", { bubbles: true, composed: true }));
      },
    });
  }

  private stop(): void {
    if (!this.running) return;
    this.keepPicture();
    this.running.stop();
    this.running = undefined;
    this.player = "";
    this.detail = "";
  }

  /** A tile whose turn is over shows what it showed last. */
  private keepPicture(): void {
    const { video, canvas } = this;
    if (!video.videoWidth || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    canvas.width = 320;
    canvas.height = Math.round((320 * video.videoHeight) / video.videoWidth);
    try {
      canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
      this.seen = this.now;
    } catch {
      this.seen = 0; // a player of the browser's own may keep its picture to itself
    }
  }

  private get initials(): string {
    const words = nameOf(this.channel).split(/[\s_-]+/).filter(Boolean);
    const letters = words.length > 1 ? words.slice(0, 3).map((w) => (/^\d+$/.test(w) ? w : [...w][0])) : [...(words[0] ?? "?")].slice(0, 3);
    return letters.join("").toUpperCase().slice(0, 5);
  }

  override render() {
    const { channel, now } = this;
    const done = progress(channel.now, now);
    const moving = this.player === "playing" || this.player === "stalled";
    return html`
      <article>
        <div class="screen">
          <div class="initials" aria-hidden="true">${this.initials}</div>
          <canvas class=${this.seen && !moving ? "shown" : ""} aria-hidden="true"></canvas>
          <video class=${moving ? "shown" : ""} muted playsinline disablepictureinpicture tabindex="-1" aria-hidden="true"></video>
          <div class="flags">
            ${stateBadge(channel)}
            ${this.player === "loading" ? html`<span class="badge end">${texts.starting}</span>` : nothing}
            ${this.player === "failed" ? html`<span class="badge warn end" title=${this.detail}>${texts.playerFailed}</span>` : nothing}
          </div>
          ${this.seen && !moving ? html`<span class="seen">${texts.lastSeen(clock(this.seen))}</span>` : nothing}
          <div class="umd ellipsis" aria-hidden="true">${nameOf(channel)}</div>
          ${done === null ? nothing : html`<div class="line ${channel.now?.kind === "event" ? "" : "fill"}" aria-hidden="true"><i ${vars({ "--done": done })}></i></div>`}
        </div>
        <div class="plate">
          <h3 class="ellipsis"><a href="?channel=${encodeURIComponent(channel.id)}" title=${channel.id}>${nameOf(channel)}</a></h3>
          ${this.renderNow(channel.now)}
          <div class="row">${channel.next
            ? html`<span class="ellipsis"><span class="sr">${texts.next}: </span>${titleOf(channel.next)}</span><span class="times">${time(channel.next.start)}</span>`
            : channel.now ? html`<span>${texts.nothingNext}</span>` : html`&nbsp;`}</div>
        </div>
      </article>`;
  }

  private renderNow(onAir: OnAir | null) {
    if (!onAir) return html`<div class="row"><span class="ellipsis">${this.channel.state === "dormant" ? texts.asleep : texts.starting}</span></div>`;
    return html`<div class="row ${onAir.kind === "event" ? "" : "fillertext"}">
      <b class="ellipsis"><span class="sr">${texts.now}: </span>${titleOf(onAir)}</b>
      <span class="times">${time(onAir.start)}${onAir.end ? html`–${time(onAir.end)}` : nothing}</span>
    </div>`;
  }
}

/** How a channel is, as badges. */
export function stateBadge(channel: Summary) {
  return html`
    <span class="badge ${channel.state}" title=${texts.stateTitles[channel.state] ?? ""}>${texts.states[channel.state] ?? channel.state}</span>
    ${channel.degraded ? html`<span class="badge warn" title=${texts.degradedTitle}>${texts.degraded}</span>` : nothing}`;
}

declare global {
  interface HTMLElementTagNameMap {
    "mv-tile": Tile;
  }
}
