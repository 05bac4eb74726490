// The way to a service's public API. Paths are relative to the page, so that a
// service may lie behind any host and path prefix.

/** An answer that is no success, or no answer at all (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** What to change, as the service says it (RFC 9457 detail), or what failed. */
    readonly detail: string,
    /** When to try again, in milliseconds, if the service says so. */
    readonly retryAfter?: number,
    /** The whole problem document, for its extension members. */
    readonly problem: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
    this.name = "ApiError";
  }
}

export interface RequestOptions {
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, with the Content-Type in headers. */
  raw?: Blob;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds until the request is given up; default 10 s. */
  timeout?: number;
}

/** The folder of the page, which API paths are relative to. */
export function base(): string {
  return new URL(".", location.origin + location.pathname).href;
}

/** Resolves a path of the API, such as "channels/one/status". */
export function apiURL(path: string): string {
  return new URL(path, base()).href;
}

/** Sends a request; resolves with every answer of 2xx and 304, rejects with ApiError or AbortError. */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  const { method = "GET", body, raw, headers = {}, signal, timeout = 10_000 } = options;
  const limit = AbortSignal.timeout(timeout);
  const init: RequestInit = {
    method,
    headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  };
  if (raw !== undefined) init.body = raw;
  else if (body !== undefined) init.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(apiURL(path), init);
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new ApiError(0, limit.aborted ? `no answer within ${timeout / 1000} s` : "no answer");
  }
  if (!response.ok && response.status !== 304) throw await problemOf(response);
  return response;
}

/** Sends a request and reads the answer as JSON. */
export async function requestJSON<T>(path: string, options?: RequestOptions): Promise<T> {
  const response = await request(path, options);
  try {
    return (await response.json()) as T;
  } catch (err) {
    if (options?.signal?.aborted) throw err;
    throw new ApiError(response.status, "the answer was cut off or is no JSON");
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  let problem: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) problem = parsed as Record<string, unknown>;
  } catch {
    // A proxy's page, or none: the status has to do.
  }
  const detail = typeof problem["detail"] === "string" ? problem["detail"] : `${response.status} ${response.statusText}`.trim();
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return new ApiError(response.status, detail, Number.isFinite(seconds) ? seconds * 1000 : undefined, problem);
}

export interface PollOptions {
  /** Milliseconds from the end of one round to the begin of the next. */
  every: () => number;
  /** A round; its failure is reported and the next one comes later, and later. */
  run: (signal: AbortSignal) => Promise<void>;
  failed: (err: unknown) => void;
}

/**
 * Repeats something while the page is visible: at once, then every so often,
 * less often after failures, at once when the page is shown again or the
 * network is back.
 */
export class Poll {
  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private running = false;
  private again = false;

  constructor(private readonly options: PollOptions) {}

  start(): void {
    this.abort = new AbortController();
    const { signal } = this.abort;
    document.addEventListener("visibilitychange", () => this.now(), { signal });
    addEventListener("online", () => this.now(), { signal });
    this.now();
  }

  stop(): void {
    this.abort.abort();
    clearTimeout(this.timer);
  }

  /** Begins a round at once, or after the one that is running. */
  now(): void {
    if (document.hidden || this.abort.signal.aborted) return;
    if (this.running) {
      this.again = true;
      return;
    }
    clearTimeout(this.timer);
    void this.round();
  }

  private async round(): Promise<void> {
    const { signal } = this.abort;
    this.running = true;
    this.again = false;
    try {
      await this.options.run(signal);
      this.failures = 0;
    } catch (err) {
      if (!signal.aborted) {
        this.failures++;
        this.options.failed(err);
      }
    }
    this.running = false;
    if (this.abort.signal.aborted) return;
    const wait = Math.min(this.options.every() * 2 ** Math.min(this.failures, 4), Math.max(this.options.every(), 15_000));
    this.timer = setTimeout(() => this.now(), this.again ? 0 : wait);
  }
}
