import { html, css, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { ApiError, Poll, request } from "../shared/api.ts";
import { icons } from "../shared/icons.ts";
import { controls, ground } from "../shared/styles.ts";
import { multiview as texts } from "../shared/texts.ts";
import { clockSeconds, utc } from "../shared/time.ts";
import { playlistURL, type Cut } from "./model.ts";
import { readPlaylist, trackIDs, type Line, type PlaylistText, type Segment } from "./playlist-text.ts";
import { titleOf } from "./tile.ts";
import { cutAt } from "./window-strip.ts";

const master = "master";

/** The text of a channel's playlists as they are now. */
@customElement("mv-playlist")
export class PlaylistView extends LitElement {
  static override styles = [ground, controls, css`
    .tools { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin-bottom: 10px }
    .tools button, .tools .button, .tools select { height: 32px; font-size: 13px }
    .tools .count { color: var(--muted); font-size: 13px; margin-right: auto; padding-left: 4px }
    @media (pointer: coarse) { .tools button, .tools .button, .tools select { height: 44px } }
    .text {
      max-height: 460px; overflow: auto; background: var(--sunken); border: 1px solid var(--line); border-radius: var(--radius-small); padding: 8px 0;
      font: 12px/1.65 var(--mono); tab-size: 2; contain: content;
    }
    ol { width: max-content; min-width: 100% }
    li { display: flex; gap: 12px; padding: 0 12px 0 0; white-space: pre }
    .number { flex: none; width: 12ch; text-align: right; color: var(--faint); user-select: none }
    .note { position: sticky; right: 10px; margin-left: auto; padding-left: 16px; font-family: var(--font); font-size: 12px; user-select: none; background: inherit }
    @media (max-width: 620px) { .number { width: auto } li.date .note { display: none } }
    li.head, li.stream { color: var(--muted) }
    li.uri { color: var(--text) }
    li.info { color: var(--muted) }
    li.date { color: var(--accent) }
    li.date .note { color: var(--muted) }
    li.key { color: var(--bad); background: var(--tint-bad) }
    li.map { color: var(--good); background: var(--tint-good) }
    li.daterange, li.cue { color: var(--filler); background: var(--tint-filler) }
    li.gap { color: var(--bad) }
    li.transition { color: var(--warn); background: var(--tint-warn); font-weight: 700; box-shadow: inset 3px 0 var(--warn); margin-top: 3px }
    li.transition .note { color: var(--warn); font-weight: 600 }
    li.fresh { animation: fresh 2.5s ease-out }
    @keyframes fresh { from { background: var(--tint-accent) } }
    .error { color: var(--bad); margin: 0 0 8px }
  `];

  @property() channel = "";
  @property({ attribute: false }) cuts: readonly Cut[] = [];
  /** The track whose counters are of interest: the one that plays. */
  @property() playing = "";

  @state() private tracks: string[] = [];
  @state() private chosen = ""; // "" follows what plays
  @state() private hold = false;
  @state() private copied = false;
  @state() private error = "";
  @state() private playlist: PlaylistText = { lines: [], segments: [] };
  private text = "";
  private shown = ""; // channel and track of text
  private known: ReadonlySet<string> = new Set();
  private fresh: ReadonlySet<string> = new Set();

  // Every answer says how long it holds, and the browser's cache keeps to it.
  private readonly poll = new Poll({
    every: () => 2000,
    run: (signal) => this.load(signal),
    failed: (err) => (this.error = texts.playlistFailed(err instanceof ApiError ? err.detail : String(err))),
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.poll.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.poll.stop();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("channel") && changed.get("channel")) {
      this.tracks = [];
      this.chosen = this.error = "";
      this.playlist = { lines: [], segments: [] };
      this.poll.now();
    }
    if (changed.has("playing") && !this.chosen) this.poll.now();
  }

  private get track(): string {
    return this.chosen || (this.tracks.includes(this.playing) ? this.playing : (this.tracks[0] ?? master));
  }

  private async load(signal: AbortSignal): Promise<void> {
    const { channel } = this;
    if (!channel) return;
    const multivariant = await (await request(playlistURL(channel), { signal })).text();
    this.tracks = trackIDs(multivariant);
    const { track } = this;
    const text = track === master ? multivariant : await (await request(playlistURL(channel, track), { signal })).text();
    if (channel !== this.channel || track !== this.track) return this.poll.now(); // somebody has chosen another one
    this.error = "";
    const playlist = readPlaylist(text);
    if (track !== master) this.dispatchEvent(new CustomEvent<Segment[]>("segments", { detail: playlist.segments }));
    const name = `${channel} ${track}`;
    if (this.hold && name === this.shown) return;
    this.fresh = name === this.shown ? new Set(playlist.lines.map((l) => l.key).filter((key) => !this.known.has(key))) : new Set();
    this.known = new Set(playlist.lines.map((l) => l.key));
    this.shown = name;
    this.text = text;
    this.playlist = playlist;
  }

  private choose(track: string): void {
    this.chosen = track;
    this.playlist = { lines: [], segments: [] };
    this.poll.now();
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text);
    } catch {
      return; // not allowed here, as over plain HTTP: it can be selected
    }
    this.copied = true;
    setTimeout(() => (this.copied = false), 1500);
  }

  override render() {
    const { lines } = this.playlist;
    const transitions = lines.filter((l) => l.kind === "transition").length;
    const { track } = this;
    return html`
      <div class="tools">
        <select aria-label=${texts.track} @change=${(e: Event) => this.choose((e.target as HTMLSelectElement).value)}>
          <option value=${master} .selected=${track === master}>${texts.multivariant}</option>
          ${this.tracks.map((id) => html`<option value=${id} .selected=${track === id}>${id}</option>`)}
        </select>
        <span class="count">${track === master ? nothing : `${texts.segments(this.playlist.segments.length)}, ${texts.transitions(transitions)}`}</span>
        <button aria-pressed=${this.hold ? "true" : "false"} title=${texts.holdTitle} @click=${() => (this.hold = !this.hold)}>${texts.hold}</button>
        <button @click=${() => void this.copy()}>${icons.copy}${this.copied ? texts.copied : texts.copy}</button>
        <a class="button" href=${playlistURL(this.channel, track)} target="_blank" rel="noopener noreferrer">${texts.openPlaylist}</a>
      </div>
      ${this.error ? html`<p class="error" role="status">${this.error}</p>` : nothing}
      <div class="text" tabindex="0" role="region" aria-label=${texts.playlist}>
        <ol role="list">${repeat(lines, (l) => l.key, (l, i) => this.renderLine(l, i))}</ol>
      </div>`;
  }

  private renderLine(line: Line, index: number) {
    return html`<li class="${line.kind} ${this.fresh.has(line.key) ? "fresh" : ""}"><span class="number">${line.sequence ?? ""}</span><span>${line.text}</span>${this.renderNote(line, index)}</li>`;
  }

  /** What a line means in terms of the channel: the hour here, the cut that begins. */
  private renderNote(line: Line, index: number) {
    if (line.kind === "date" && line.date !== null) return html`<span class="note" title=${utc(line.date)}>${clockSeconds(line.date)}</span>`;
    if (line.kind !== "transition") return nothing;
    const date = this.playlist.lines.slice(index + 1, index + 6).find((l) => l.date !== null)?.date;
    const cut = date == null ? undefined : cutAt(this.cuts, date);
    return cut ? html`<span class="note">${texts.transitionTo(titleOf(cut))}</span>` : nothing;
  }
}
