import { html, css, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { icons } from "../shared/icons.ts";
import { Player, type PlayerState, type Variant } from "../shared/player.ts";
import { controls, ground } from "../shared/styles.ts";
import { multiview as texts } from "../shared/texts.ts";
import { playlistURL } from "./model.ts";

/** 1.2 Mbit/s */
export function bitrate(bits: number): string {
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(bits >= 1e7 ? 0 : 1)}\u00a0Mbit/s` : `${Math.round(bits / 1000)}\u00a0kbit/s`;
}

export function variantName(v: Variant): string {
  const size = v.width && v.height ? `${v.width}\u00d7${v.height}` : v.codecs;
  return `${size} \u00b7 ${bitrate(v.bitrate)}`;
}

/** The large picture of a channel, with sound and its controls. */
@customElement("mv-screen")
export class Screen extends LitElement {
  static override styles = [ground, controls, css`
    :host { background: #000; border-radius: var(--radius); overflow: hidden; border: 1px solid var(--line); display: flex; flex-direction: column }
    :host(:fullscreen) { border-radius: 0; border: 0 }
    .stage { position: relative; aspect-ratio: 16 / 9; background: #05070a; min-height: 0; flex: 1 1 auto }
    :host(:fullscreen) .stage { aspect-ratio: auto }
    video { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain }
    .word { position: absolute; inset: 0; display: grid; place-content: center; text-align: center; gap: 6px; padding: 24px; color: #e8edf3; background: #05070ac0; pointer-events: none }
    .word strong { font-size: 17px; font-weight: 600 }
    .word span { font-size: 13px; color: #a9b6c4; max-width: 46ch }
    .word.slight { background: none; place-content: end start; padding: 12px 14px }
    .word.slight strong { font-size: 13px; background: #10161ee0; padding: 3px 9px; border-radius: 4px }
    .controls { display: flex; flex-wrap: wrap; gap: 6px; padding: 8px; background: var(--surface); border-top: 1px solid var(--line); align-items: center }
    .controls .push { margin-left: auto }
    label { display: inline-flex; align-items: center; gap: 6px; font-size: 13px; color: var(--muted) }
    select { height: 36px; max-width: 230px; padding-right: 0.3em; font-size: 13px }
    input[type="range"] { width: 84px; height: 36px; margin: 0 }
    button.live { font-size: 13px; font-weight: 600 }
    button.live::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--faint) }
    button.live.at::before { background: var(--live) }
    @media (max-width: 620px) { input[type="range"] { display: none } select { max-width: 29vw } .pip { display: none } label > span { display: none } }
  `];

  @property() channel = "";
  @property() name = "";

  @state() private player: PlayerState = "loading";
  @state() private detail = "";
  @state() private paused = false;
  @state() private muted = false;
  @state() private volume = 1;
  @state() private atEdge = true;
  @query("video") readonly video!: HTMLVideoElement;
  running: Player | undefined;

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("channel") || !this.running) this.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.running?.stop();
    this.running = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.requestUpdate();
  }

  private start(): void {
    this.running?.stop();
    this.running = new Player(this.video, playlistURL(this.channel), {
      onState: (state, detail) => {
        this.player = state;
        this.detail = detail;
      },
      onTracks: () => this.requestUpdate(),
    });
  }

  togglePlay(): void {
    if (this.video.paused) this.running?.play();
    else this.video.pause();
  }

  toggleMute(): void {
    this.video.muted = !this.video.muted;
    if (!this.video.muted && this.video.volume === 0) this.video.volume = 1;
  }

  toggleFull(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.requestFullscreen) this.requestFullscreen().catch(() => {});
    else (this.video as { webkitEnterFullscreen?: () => void }).webkitEnterFullscreen?.(); // iPhones
  }

  private observe(): void {
    const { video } = this;
    this.paused = video.paused;
    this.muted = video.muted;
    this.volume = video.volume;
    this.atEdge = !video.paused && (this.running?.facts().latency ?? 0) < 45;
  }

  override render() {
    const { running, muted } = this;
    const soundText = muted ? texts.unmute : texts.mute;
    const observe = () => this.observe();
    return html`
      <div class="stage">
        <video aria-label=${texts.video(this.name)} autoplay playsinline @click=${() => this.togglePlay()} @dblclick=${() => this.toggleFull()}
          @play=${observe} @pause=${observe} @volumechange=${observe} @timeupdate=${observe}></video>
        ${this.renderWord()}
      </div>
      <div class="controls">
        <button class="icon" @click=${() => this.togglePlay()} aria-label=${this.paused ? texts.play : texts.pause} title=${this.paused ? texts.play : texts.pause}>${this.paused ? icons.play : icons.pause}</button>
        <button class="icon" @click=${() => this.toggleMute()} aria-label=${soundText} title=${soundText} aria-pressed=${muted ? "true" : "false"}>${muted ? icons.muted : icons.sound}</button>
        <input type="range" min="0" max="1" step="0.05" aria-label=${texts.volume} .value=${String(muted ? 0 : this.volume)}
          @input=${(e: Event) => {
            this.video.volume = Number((e.target as HTMLInputElement).value);
            this.video.muted = this.video.volume === 0;
          }}>
        <button class="live ${this.atEdge ? "at" : ""}" title=${texts.toLive} @click=${() => running?.seekToLive()}>${texts.live}</button>
        ${running ? this.renderChoices(running) : nothing}
        <span class="push"></span>
        ${document.pictureInPictureEnabled
          ? html`<button class="icon pip" aria-label=${texts.pictureInPicture} title=${texts.pictureInPicture} @click=${() => void this.togglePicture()}>${icons.picture}</button>`
          : nothing}
        <button class="icon" aria-label=${texts.fullScreen} title=${texts.fullScreen} @click=${() => this.toggleFull()}>${icons.full}</button>
      </div>`;
  }

  private async togglePicture(): Promise<void> {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.video.requestPictureInPicture();
    } catch {
      // nothing to show yet
    }
  }

  private renderWord() {
    switch (this.player) {
      case "loading":
        return html`<div class="word" role="status"><strong>${texts.playerLoading}</strong><span>${this.detail}</span></div>`;
      case "stalled":
        return html`<div class="word slight" role="status"><strong>${texts.playerStalled}</strong></div>`;
      case "failed":
        return html`<div class="word" role="status"><strong>${texts.playerFailed}</strong><span>${texts.playerFailedHint(this.detail)}</span></div>`;
      case "unsupported":
        return html`<div class="word" role="status"><strong>${texts.playerUnsupported}</strong><span>${texts.playerUnsupportedHint}</span></div>`;
      case "playing":
        return nothing;
    }
  }

  private renderChoices(running: Player) {
    const { variants, audios, subtitles } = running;
    const playing = variants[running.variant];
    const choice = (event: Event) => Number((event.target as HTMLSelectElement).value);
    const option = (value: number, chosen: number, text: string) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`;
    const renditionName = (r: { index: number; name: string; lang: string }) =>
      [r.name || texts.rendition(r.index + 1), r.lang && r.lang !== r.name ? `(${r.lang})` : ""].filter(Boolean).join(" ");
    return html`
      ${variants.length
        ? html`<label><span>${texts.variant}</span><select aria-label=${texts.variant} @change=${(e: Event) => {
            running.chooseVariant(choice(e));
            this.requestUpdate();
          }}>
            ${option(-1, running.chosenVariant, texts.variantAuto(playing ? `${playing.height || bitrate(playing.bitrate)}${playing.height ? "p" : ""}` : ""))}
            ${variants.map((v) => option(v.index, running.chosenVariant, variantName(v)))}
          </select></label>`
        : nothing}
      ${audios.length > 1
        ? html`<label><span>${texts.audio}</span><select aria-label=${texts.audio} @change=${(e: Event) => running.chooseAudio(choice(e))}>
            ${audios.map((a) => option(a.index, running.audio, renditionName(a)))}
          </select></label>`
        : nothing}
      ${subtitles.length
        ? html`<label><span>${texts.subtitles}</span><select aria-label=${texts.subtitles} @change=${(e: Event) => running.chooseSubtitle(choice(e))}>
            ${option(-1, running.subtitle, texts.off)} ${subtitles.map((s) => option(s.index, running.subtitle, renditionName(s)))}
          </select></label>`
        : nothing}`;
  }
}
