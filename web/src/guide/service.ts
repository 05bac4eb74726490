// The schedule service's public API, with its key where one is set.
import { ApiError, request, requestJSON, type RequestOptions } from "../shared/api.ts";
import type { AiredRow, AutoState, Channel, Inspection, Planned, ReplaceReport } from "./types.ts";

const keyName = "consuo-api-key";

/** Asks for the API key; null: nobody gives one. refused is what was said to the last one. */
export type AskKey = (refused: string | null) => Promise<string | null>;

interface Tagged<T> {
  value: T;
  etag: string;
}

const path = (...parts: string[]) => parts.map(encodeURIComponent).join("/");

export class Service {
  /** The key lasts as long as the tab. */
  private key: string | null = null;
  private asking: Promise<string | null> | undefined;

  constructor(private readonly askKey: AskKey) {
    try {
      this.key = sessionStorage.getItem(keyName);
    } catch {
      // Storage may be forbidden: then the key lasts as long as the page.
    }
  }

  get hasKey(): boolean {
    return this.key !== null;
  }

  forgetKey(): void {
    this.remember(null);
  }

  private remember(key: string | null): void {
    this.key = key;
    try {
      if (key === null) sessionStorage.removeItem(keyName);
      else sessionStorage.setItem(keyName, key);
    } catch {
      // see the constructor
    }
  }

  /** A request that changes something: with the key, which is asked for when it is needed. */
  private async write(path: string, options: RequestOptions): Promise<Response> {
    for (;;) {
      const used = this.key;
      try {
        return await request(path, { timeout: 30_000, ...options, headers: { ...options.headers, ...(used === null ? {} : { "X-API-Key": used }) } });
      } catch (err) {
        if (!(err instanceof ApiError) || err.status !== 401) throw err;
        if (this.key === used) {
          this.asking ??= this.askKey(used === null ? null : err.detail).finally(() => (this.asking = undefined));
          const key = await this.asking;
          if (key === null) throw err;
          this.remember(key);
        }
      }
    }
  }

  /** All channels; null if they are as they were. */
  async channels(known: string, signal: AbortSignal): Promise<Tagged<Channel[]> | null> {
    const response = await request("channels", { signal, headers: known ? { "If-None-Match": known } : {} });
    if (response.status === 304) return null;
    return { value: (await response.json()) as Channel[], etag: response.headers.get("ETag") ?? "" };
  }

  async channel(id: string): Promise<Tagged<Channel>> {
    const response = await request(path("channels", id));
    return { value: (await response.json()) as Channel, etag: response.headers.get("ETag") ?? "" };
  }

  async createChannel(channel: Omit<Channel, "revision">): Promise<void> {
    await this.write("channels", { method: "POST", body: channel });
  }

  async putChannel(channel: Omit<Channel, "revision">, etag: string): Promise<void> {
    await this.write(path("channels", channel.id), { method: "PUT", body: channel, headers: { "If-Match": etag } });
  }

  async deleteChannel(id: string, etag: string): Promise<void> {
    await this.write(path("channels", id), { method: "DELETE", headers: { "If-Match": etag } });
  }

  autoschedule(id: string): Promise<AutoState> {
    return requestJSON<AutoState>(path("channels", id, "autoschedule"));
  }

  events(id: string, from: number, to: number, signal: AbortSignal): Promise<Planned[]> {
    return requestJSON<Planned[]>(`${path("channels", id, "schedule")}?start=${Math.floor(from)}&end=${Math.ceil(to)}`, { signal });
  }

  asRun(id: string, from: number, to: number, signal: AbortSignal): Promise<AiredRow[]> {
    return requestJSON<AiredRow[]>(`${path("channels", id, "asrun")}?start=${Math.floor(from)}&end=${Math.ceil(to)}`, { signal });
  }

  async event(channelId: string, id: string): Promise<Tagged<Planned>> {
    const response = await request(path("channels", channelId, "schedule", id));
    return { value: (await response.json()) as Planned, etag: response.headers.get("ETag") ?? "" };
  }

  /** Stores an event. Without a tag it must be new. */
  async putEvent(e: Planned, etag: string | null): Promise<Tagged<Planned>> {
    const headers: Record<string, string> = etag === null ? { "If-None-Match": "*" } : { "If-Match": etag };
    const response = await this.write(path("channels", e.channelId, "schedule", e.id), { method: "PUT", headers, body: sent(e) });
    return { value: (await response.json()) as Planned, etag: response.headers.get("ETag") ?? "" };
  }

  async deleteEvent(channelId: string, id: string, etag: string): Promise<void> {
    await this.write(path("channels", channelId, "schedule", id), { method: "DELETE", headers: { "If-Match": etag } });
  }

  async inspect(uri: string, channelId: string | undefined, signal?: AbortSignal): Promise<Inspection> {
    const options: RequestOptions = { method: "POST", body: channelId ? { uri, channelId } : { uri } };
    if (signal) options.signal = signal;
    return (await this.write("inspect", options)).json() as Promise<Inspection>;
  }

  /** What a file would make of a range of the schedule. */
  async dryRun(id: string, day: string, zone: string, file: Blob, type: string): Promise<ReplaceReport> {
    const response = await this.write(`${this.dayPath(id, day, zone)}&dry_run=true`, { method: "PUT", raw: file, headers: { "Content-Type": type } });
    return (await response.json()) as ReplaceReport;
  }

  async replaceDay(id: string, day: string, zone: string, file: Blob, type: string): Promise<void> {
    await this.write(this.dayPath(id, day, zone), { method: "PUT", raw: file, headers: { "Content-Type": type } });
  }

  /** The path of a channel's day, to download or to replace. */
  dayPath(id: string, day: string, zone: string): string {
    return `${path("channels", id, "schedule")}?date=${encodeURIComponent(day)}&tz=${encodeURIComponent(zone)}`;
  }

  /** The engine's page, which the service names beside its list for players; null where it can't be reached from here. */
  async enginePage(): Promise<string | null> {
    const link = (await request("channels.m3u", { method: "HEAD" })).headers.get("Link") ?? "";
    return /<(https?:[^>]+)>; rel="status"/.exec(link)?.[1] ?? null;
  }
}

/** An event as it is sent: what follows from the rest is left out. */
function sent(e: Planned): Record<string, unknown> {
  const { id, title, uri, start_time, end_time, description, image, categories, episode, rating, language } = e;
  return { id, title, uri, start_time, end_time, description, image, categories, episode, rating, language };
}

/** An id for a new event. */
export function newID(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => letters[b % 32]).join("");
}
