// Plays a channel in a video element: by hls.js where the browser has Media
// Source Extensions, by the browser's own player where it only has that
// (iPhones before iOS 17.1). hls.js comes first although some browsers play
// HLS themselves: it tells variants, latency and errors, and it mends what the
// native players of desktop browsers give up on, such as one missing segment.
import type { ErrorData, HlsConfig, Level, MediaPlaylist } from "hls.js";

import { common } from "./texts.ts";

type HlsModule = typeof import("./hls.ts");
type HlsPlayer = InstanceType<HlsModule["Hls"]>;

export type PlayerState =
  | "loading" // nothing to see yet
  | "playing"
  | "stalled" // it wants to play, but has nothing
  | "failed" // given up for the moment; retrying says when it tries again
  | "unsupported"; // this browser can't

export interface Variant {
  index: number;
  width: number;
  height: number;
  bitrate: number; // bit/s
  codecs: string;
  id: string; // of the track, as in its URL
}

export interface Rendition {
  index: number;
  name: string;
  lang: string;
}

/** What a player knows of itself at a moment. Times are in seconds; null where the browser doesn't tell. */
export interface Facts {
  latency: number | null; // behind the end of the playlist
  date: number | null; // program date time of the picture, Unix ms
  buffer: number;
  dropped: number;
  frames: number;
  stalls: number;
  bandwidth: number | null; // measured, bit/s
}

export interface PlayerOptions {
  /** A tile: lowest variant, no subtitles, small buffers. */
  small?: boolean;
  onState?: (state: PlayerState, detail: string) => void;
  /** Variants or renditions are known, or another one plays. */
  onTracks?: () => void;
}

/** Why nothing plays yet, for people: what the engine answered, or what failed. */
function reasonOf(data: ErrorData): string {
  const text = (data.networkDetails as XMLHttpRequest | undefined)?.responseText ?? "";
  try {
    const problem = JSON.parse(text) as { detail?: unknown };
    if (typeof problem.detail === "string") return problem.detail;
  } catch {
    // no problem document
  }
  return data.response?.code ? `${data.details}, status ${data.response.code}` : data.details;
}

const retryFirst = 1000; // ms, doubled up to retryMost
const retryMost = 15_000;

export class Player {
  private hls: HlsPlayer | undefined;
  private stopped = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private recovered = -Infinity; // instant of the last media recovery
  private stalls = 0;
  private readonly listening = new AbortController();

  constructor(
    readonly video: HTMLVideoElement,
    readonly url: string,
    private readonly options: PlayerOptions = {},
  ) {
    video.crossOrigin = "anonymous"; // or Chromium refuses playlists with segments of another origin
    video.playsInline = true;
    const { signal } = this.listening;
    let played = false;
    video.addEventListener("playing", () => {
      played = true;
      this.failures = 0;
      this.state("playing");
    }, { signal });
    video.addEventListener("waiting", () => {
      if (played && !video.seeking) this.stalls++;
      this.state(played ? "stalled" : "loading");
    }, { signal });
    this.state("loading");
    void this.begin();
  }

  private state(state: PlayerState, detail = ""): void {
    if (!this.stopped) this.options.onState?.(state, detail);
  }

  private async begin(): Promise<void> {
    let module: HlsModule;
    try {
      module = await import("./hls.ts");
    } catch {
      this.retry(common.playerNotLoaded); // or it is gone, as the service has a new version
      return;
    }
    if (this.stopped) return;
    if (module.Hls.isSupported()) this.beginHLS(module);
    else if (this.video.canPlayType("application/vnd.apple.mpegurl")) this.beginNative();
    else this.state("unsupported");
  }

  private beginNative(): void {
    this.video.addEventListener("error", () => this.retry(this.video.error?.message ?? ""), { once: true, signal: this.listening.signal });
    this.video.src = this.url;
    this.play();
  }

  private beginHLS({ Hls, workerURL }: HlsModule): void {
    const config: Partial<HlsConfig> = { workerPath: workerURL, backBufferLength: 30, maxBufferLength: 20 };
    if (this.options.small) {
      Object.assign(config, { maxBufferLength: 8, maxMaxBufferLength: 12, backBufferLength: 4, enableWebVTT: false, enableIMSC1: false, enableCEA708Captions: false });
    }
    const hls = new Hls(config);
    this.hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      if (this.options.small) {
        hls.loadLevel = 0; // the lowest, whatever the network could do
        hls.subtitleTrack = -1;
      }
      this.options.onTracks?.();
      this.play();
    });
    for (const event of [Hls.Events.LEVEL_SWITCHED, Hls.Events.AUDIO_TRACK_SWITCHED, Hls.Events.AUDIO_TRACKS_UPDATED, Hls.Events.SUBTITLE_TRACKS_UPDATED, Hls.Events.SUBTITLE_TRACK_SWITCH] as const) {
      hls.on(event, () => this.options.onTracks?.());
    }
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (!data.fatal) return;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - this.recovered > 10_000) {
        this.recovered = performance.now();
        hls.recoverMediaError();
        return;
      }
      this.retry(reasonOf(data));
    });
    hls.loadSource(this.url);
    hls.attachMedia(this.video);
  }

  /** Begins anew after a while, and after a longer one if that fails too. */
  private retry(detail: string): void {
    if (this.stopped) return;
    this.release();
    this.state("failed", detail);
    const wait = Math.min(retryFirst * 2 ** this.failures++, retryMost);
    this.timer = setTimeout(() => {
      this.state("loading", detail);
      void this.begin();
    }, wait);
  }

  private release(): void {
    clearTimeout(this.timer);
    this.hls?.destroy();
    this.hls = undefined;
    this.video.removeAttribute("src");
    this.video.load();
  }

  stop(): void {
    this.stopped = true;
    this.listening.abort();
    this.release();
  }

  /** Plays; without sound where the browser wants a gesture first. */
  play(): void {
    this.video.play().catch((err: unknown) => {
      if ((err as Error).name !== "NotAllowedError" || this.video.muted || this.stopped) return;
      this.video.muted = true;
      this.video.play().catch(() => {}); // then somebody has to press the button
    });
  }

  /** To where a player that has just begun would be. */
  seekToLive(): void {
    const sync = this.hls?.liveSyncPosition;
    const { seekable } = this.video;
    if (sync != null) this.video.currentTime = sync;
    else if (seekable.length) this.video.currentTime = seekable.end(seekable.length - 1);
    this.play();
  }

  get variants(): Variant[] {
    return (this.hls?.levels ?? []).map((l: Level, index) => ({
      index, width: l.width, height: l.height, bitrate: l.bitrate, codecs: [l.videoCodec, l.audioCodec].filter(Boolean).join(", "), id: trackID(l.uri),
    }));
  }

  /** The variant that plays, -1 if none does yet. */
  get variant(): number {
    return this.hls?.currentLevel ?? -1;
  }

  /** The variant that somebody has chosen, -1 if the player chooses. */
  get chosenVariant(): number {
    return this.hls && !this.hls.autoLevelEnabled ? this.hls.loadLevel : -1;
  }

  chooseVariant(index: number): void {
    if (this.hls) this.hls.nextLevel = index;
  }

  get audios(): Rendition[] {
    return (this.hls?.audioTracks ?? []).map(rendition);
  }

  get audio(): number {
    return this.hls?.audioTrack ?? -1;
  }

  chooseAudio(index: number): void {
    if (this.hls) this.hls.audioTrack = index;
  }

  get subtitles(): Rendition[] {
    return (this.hls?.subtitleTracks ?? []).map(rendition);
  }

  get subtitle(): number {
    return this.hls?.subtitleTrack ?? -1;
  }

  chooseSubtitle(index: number): void {
    if (!this.hls) return;
    this.hls.subtitleDisplay = index >= 0;
    this.hls.subtitleTrack = index;
  }

  facts(): Facts {
    const { video, hls } = this;
    const quality = video.getVideoPlaybackQuality();
    const position = video.currentTime;
    let buffer = 0;
    for (let i = 0; i < video.buffered.length; i++) {
      if (video.buffered.start(i) <= position + 0.1 && position <= video.buffered.end(i)) buffer = video.buffered.end(i) - position;
    }
    const latency = hls ? hls.latency : NaN;
    return {
      buffer, stalls: this.stalls,
      latency: Number.isFinite(latency) && latency > 0 ? latency : null,
      date: hls?.playingDate?.getTime() ?? null,
      dropped: quality.droppedVideoFrames, frames: quality.totalVideoFrames,
      bandwidth: hls && Number.isFinite(hls.bandwidthEstimate) ? hls.bandwidthEstimate : null,
    };
  }
}

function rendition(track: MediaPlaylist, index: number): Rendition {
  return { index, name: track.name, lang: track.lang ?? "" };
}

/** The id of the track whose playlist a URL names: "v720" of ".../v720.m3u8?channel=one". */
export function trackID(url: string): string {
  return /([^/]+)\.m3u8(?:[?#]|$)/.exec(url)?.[1] ?? "";
}
