import { html, css, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { ApiError, Poll, request } from "../shared/api.ts";
import { icons } from "../shared/icons.ts";
import type { Facts } from "../shared/player.ts";
import { controls, ground } from "../shared/styles.ts";
import { common, multiview as texts } from "../shared/texts.ts";
import { clock, clockSeconds, day, length, signedSeconds, time } from "../shared/time.ts";
import { vars } from "../shared/vars.ts";
import { badges } from "./badges.ts";
import { nameOf, progress, type Cut, type EngineClock, type OnAir, type Status, type Summary } from "./model.ts";
import type { Segment } from "./playlist-text.ts";
import "./playlist-view.ts";
import { bitrate, Screen, variantName } from "./screen.ts";
import { stateBadge, titleOf } from "./tile.ts";
import { cutAt } from "./window-strip.ts";

const few = 8; // cuts that are shown at first

const seconds = (n: number, digits = 1) => `${n.toFixed(digits)}\u00a0s`;

/** One channel, large, with what an engineer looks for. */
@customElement("mv-channel")
export class ChannelView extends LitElement {
  static override styles = [ground, controls, badges, css`
    :host { padding-bottom: 32px }
    .bar { display: flex; align-items: center; gap: 10px; margin-bottom: 14px }
    .bar > * { flex: none }
    .bar h1 { font-size: 20px; font-weight: 680; letter-spacing: -0.01em; min-width: 0; flex: 0 1 auto }
    .bar .id { color: var(--muted); font-size: 13px }
    .bar .push { margin-left: auto; display: flex; gap: 6px }
    .grid { display: grid; grid-template: "picture facts" "text text" "past past" / minmax(0, 1fr) 400px; gap: 16px; align-items: start }
    .column { display: grid; grid-template-columns: minmax(0, 1fr); gap: 16px }
    .picture { grid-area: picture } .side { grid-area: facts } .text { grid-area: text } .past { grid-area: past }
    @media (min-width: 1500px) { .grid { grid-template: "picture facts" "text past" / minmax(0, 1fr) 540px } }
    @media (min-width: 2000px) { .grid { grid-template: "picture facts past" "text text past" auto / minmax(0, 1fr) 420px 560px } }
    @media (max-width: 1020px) { .grid { grid-template: "picture" "facts" "text" "past" / minmax(0, 1fr) } }
    section, .card { background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); padding: 14px 16px; min-width: 0 }
    h2 { font-size: 12px; font-weight: 650; letter-spacing: 0.03em; color: var(--muted); margin-bottom: 10px }
    .air { display: grid; gap: 10px }
    .air .what { font-size: 19px; font-weight: 650; line-height: 1.25; overflow-wrap: anywhere }
    .air .what.fill { color: var(--filler) }
    .air .sub { color: var(--muted); font-size: 13px; overflow-wrap: anywhere }
    .meter { height: 5px; border-radius: 3px; background: var(--sunken); overflow: hidden; position: relative }
    .meter i { position: absolute; inset: 0; border-radius: 3px; background: var(--live); transform-origin: left; transform: scaleX(var(--done, 0)) }
    .times { display: flex; justify-content: space-between; font-size: 13px; color: var(--muted) }
    .next { border-top: 1px solid var(--line); padding-top: 10px; display: flex; gap: 10px; align-items: baseline; font-size: 14px }
    .next .ellipsis { flex: 1 }
    .next span:first-child, .next time { color: var(--muted); font-size: 13px }
    .facts { padding: 0; overflow: hidden }
    dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(158px, 1fr)); margin: 0 -1px -1px 0 }
    dl div { padding: 9px 14px 10px; min-width: 0; border: solid var(--line); border-width: 0 1px 1px 0 }
    dl div.wide { grid-column: 1 / -1 }
    dt { font-size: 12px; color: var(--muted) }
    dd { font-family: var(--mono); font-size: 14px; margin-top: 2px; overflow-wrap: anywhere }
    dd small { color: var(--muted); font-size: 12px }
    dd.warn { color: var(--warn) } dd.bad { color: var(--bad) }
    .scroll { overflow-x: auto; margin: 0 -16px; padding: 0 16px }
    table { width: 100%; border-collapse: collapse; font-size: 13px }
    th { text-align: left; font-weight: 500; color: var(--muted); font-size: 12px; padding: 0 12px 6px 0; white-space: nowrap }
    td { padding: 7px 12px 7px 0; border-top: 1px solid var(--line); vertical-align: top }
    td.number, td.when, td.adherence { font-family: var(--mono); font-size: 12.5px; white-space: nowrap }
    td.what { min-width: 140px; overflow-wrap: anywhere }
    td.what small, td.why small { display: block; color: var(--muted); font-size: 12px; overflow-wrap: anywhere }
    tr.on td.number { color: var(--live); font-weight: 700 }
    tr.ahead td { color: var(--muted) }
    .tag { display: inline-block; font-size: 11px; padding: 0 5px; border-radius: 3px; color: var(--filler); background: var(--tint-filler) }
    .tag.failed { color: var(--bad); background: var(--tint-bad) }
    .tag.rebase { color: var(--warn); background: var(--tint-warn) }
    button.more { margin-top: 10px; font-size: 13px; height: 32px }
    .late { color: var(--warn) }
    .problem { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 2px 12px; padding: 8px 0; border-top: 1px solid var(--line); font-size: 13px }
    .problem:first-child { border-top: 0; padding-top: 0 }
    .problem time { color: var(--muted); font-family: var(--mono); font-size: 12.5px }
    .problem p { overflow-wrap: anywhere }
    .problem small { grid-column: 2; color: var(--muted); font-size: 12px; overflow-wrap: anywhere }
    .empty { color: var(--muted); font-size: 13px }
    .notice { padding: 14px 16px; margin-bottom: 14px; border: 1px solid var(--line); border-left: 3px solid var(--warn); border-radius: var(--radius); background: var(--surface) }
    .notice p { color: var(--muted); font-size: 13px; margin-top: 2px }
    @media (max-width: 620px) { .all { width: 44px; padding: 0; justify-content: center } .all span, .bar .id { display: none } }
    @media (max-width: 520px) { section, .card { padding: 12px } .scroll { margin: 0 -12px; padding: 0 12px } }
  `];

  @property() channel = "";
  /** What the list of channels says, until the status is there. */
  @property({ attribute: false }) summary: Summary | undefined;
  @property({ attribute: false }) engineClock!: EngineClock;
  @property({ attribute: false }) now = 0;

  @state() private status: Status | undefined;
  @state() private missing = false;
  @state() private facts: Facts | undefined;
  @state() private segments: readonly Segment[] = [];
  @state() private allCuts = false;
  @query("mv-screen") readonly screenElement!: Screen | null;
  private ticking: ReturnType<typeof setInterval> | undefined;

  private readonly poll = new Poll({
    every: () => 2000,
    run: async (signal) => {
      const { channel } = this;
      const asked = Date.now();
      const response = await request(`channels/${encodeURIComponent(channel)}/status`, { signal });
      this.engineClock.read(response, asked);
      const status = (await response.json()) as Status;
      if (channel !== this.channel) return;
      this.status = status;
      this.missing = false;
    },
    failed: (err) => {
      // That the engine is away the page says anyway, see app.ts.
      this.missing = err instanceof ApiError && err.status === 404;
      if (this.missing) this.status = undefined;
    },
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.poll.start();
    this.ticking = setInterval(() => (this.facts = this.screenElement?.running?.facts()), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.poll.stop();
    clearInterval(this.ticking);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("channel") && changed.get("channel")) {
      this.status = undefined;
      this.facts = undefined;
      this.segments = [];
      this.missing = false;
      this.poll.now();
    }
  }

  private go(where: "all" | "previous" | "next"): void {
    this.dispatchEvent(new CustomEvent("go", { detail: where }));
  }

  override render() {
    const known = this.status ?? this.summary;
    const name = known ? nameOf(known) : this.channel;
    const playing = this.screenElement?.running;
    const variant = playing?.variants[playing.variant];
    return html`
      <div class="bar">
        <button class="all" @click=${() => this.go("all")} aria-label=${texts.all}>${icons.back}<span>${texts.all}</span></button>
        <h1 class="ellipsis">${name}</h1>
        ${name === this.channel ? nothing : html`<span class="id mono">${this.channel}</span>`}
        ${known ? stateBadge(known) : nothing}
        <span class="push">
          <button class="icon" aria-label=${texts.previousChannel} title=${texts.previousChannel} @click=${() => this.go("previous")}>${icons.back}</button>
          <button class="icon" aria-label=${texts.nextChannel} title=${texts.nextChannel} @click=${() => this.go("next")}>${icons.forward}</button>
        </span>
      </div>
      ${this.missing ? html`<div class="notice" role="status"><strong>${texts.unknown(this.channel)}</strong><p>${texts.unknownHint}</p></div>` : nothing}
      <div class="grid">
        <div class="column picture">
          <mv-screen .channel=${this.channel} .name=${name}></mv-screen>
          <section>
            <h2>${texts.windowTitle}</h2>
            <mv-window .segments=${this.segments} .cuts=${this.status?.last_cuts ?? []} .now=${this.now} .date=${this.facts?.date ?? null}></mv-window>
          </section>
        </div>
        <div class="column side">
          ${this.renderAir(known?.now ?? null, known?.next ?? null)}
          ${this.renderFacts(variant?.id ?? "")}
        </div>
        <section class="text">
          <h2>${texts.playlist}</h2>
          <mv-playlist .channel=${this.channel} .cuts=${this.status?.last_cuts ?? []} .playing=${variant?.id ?? ""}
            @segments=${(e: CustomEvent<Segment[]>) => (this.segments = e.detail)}></mv-playlist>
        </section>
        <div class="column past">
          <section><h2>${texts.problems}</h2>${this.renderProblems()}</section>
          <section><h2>${texts.cuts}</h2>${this.renderCuts(this.status?.last_cuts ?? [])}</section>
        </div>
      </div>`;
  }

  private renderAir(now: OnAir | null, next: OnAir | null) {
    const done = progress(now, this.now);
    return html`<div class="card air">
      ${now
        ? html`
          <div>
            <div class="sub">${texts.now}${now.reason ? html` · ${texts.reasons[now.reason] ?? now.reason}` : nothing}</div>
            <div class="what ${now.kind === "event" ? "" : "fill"}">${titleOf(now)}</div>
            ${now.kind !== "event" && now.title && now.reason !== "gap" ? html`<div class="sub">${texts.instead(now.title)}</div>` : nothing}
            ${now.detail ? html`<div class="sub">${now.detail}</div>` : nothing}
          </div>
          ${done === null ? nothing : html`<div class="meter" aria-hidden="true"><i ${vars({ "--done": done })}></i></div>`}
          <div class="times"><span>${time(now.start, clockSeconds)}</span>
            ${now.end
              ? html`<span>${length(this.now - (now.start ?? now.end))} / ${length(now.end - (now.start ?? now.end))}</span><span>${time(now.end, clockSeconds)}</span>`
              : next ? nothing : html`<span>${texts.untilChanged}</span>`}</div>`
        : html`<div class="what fill">${this.summary?.state === "dormant" ? texts.states["dormant"] : texts.starting}</div>`}
      ${this.renderBehind(now)}
      <div class="next"><span>${texts.next}</span>
        ${next ? html`<span class="ellipsis">${titleOf(next)}</span>${time(next.start, clockSeconds)}` : html`<span class="ellipsis">${texts.nothingNext}</span>`}
      </div>
    </div>`;
  }

  /** Viewers are behind the engine: what they see may be what was on before. */
  private renderBehind(now: OnAir | null) {
    const date = this.facts?.date;
    const seen = date == null ? undefined : cutAt(this.status?.last_cuts ?? [], date);
    if (date == null || !seen || !now || seen.start === now.start) return nothing;
    return html`<p class="sub">${texts.behind(seconds((this.engineClock.now() - date) / 1000, 0), titleOf(seen))}</p>`;
  }

  private renderFacts(track: string) {
    const { status, facts } = this;
    const counters = status?.tracks.find((t) => t.id === track) ?? status?.tracks[0];
    const screen = this.screenElement?.running;
    const variant = screen?.variants[screen.variant];
    const behind = facts?.date == null ? null : (this.engineClock.now() - facts.date) / 1000;
    const fact = (key: string, label: string, value: unknown, cls = "", wide = false) =>
      html`<div class=${wide ? "wide" : ""} title=${texts.factTitles[key] ?? ""}><dt>${label}</dt><dd class=${cls} data-fact=${key}>${value ?? "–"}</dd></div>`;
    return html`<section class="facts" aria-label=${texts.facts}><dl>
      ${fact("mediaSequence", texts.mediaSequence, counters && html`${counters.media_sequence}<small>–${counters.last_media_sequence}</small>`)}
      ${fact("discontinuitySequence", texts.discontinuitySequence, counters?.discontinuity_sequence)}
      ${fact("window", texts.window, status && html`${seconds(status.window)} <small>${counters ? texts.segments(counters.last_media_sequence - counters.media_sequence + 1) : ""}</small>`)}
      ${fact("targetDuration", texts.targetDuration, status && seconds(status.target_duration, 0))}
      ${fact("latency", texts.latency, facts?.latency == null ? null : seconds(facts.latency))}
      ${fact("clockLatency", texts.clockLatency, behind === null ? null : seconds(behind))}
      ${fact("buffer", texts.buffer, facts && seconds(facts.buffer), facts && facts.buffer < 1 ? "warn" : "")}
      ${fact("adherence", texts.adherence, status?.now?.adherence == null ? null : signedSeconds(status.now.adherence))}
      ${fact("drift", texts.drift, status && signedSeconds(status.drift))}
      ${fact("stalls", texts.stalls, facts?.stalls, facts?.stalls ? "warn" : "")}
      ${fact("frames", texts.frames, facts && html`${facts.dropped} <small>/ ${facts.frames}</small>`)}
      ${fact("bandwidth", texts.bandwidth, facts?.bandwidth == null ? null : bitrate(facts.bandwidth))}
      ${fact("log", texts.log, status && html`${status.log.last_number} <small>${texts.logOf[status.log.backend] ?? status.log.backend}</small>`)}
      ${fact("poll", texts.poll, status && (status.poll.last_ok ? texts.ago(seconds(status.poll.age)) : "–"), status?.poll.error ? "bad" : "")}
      ${fact("conflicts", texts.conflicts, status?.log.conflicts)}
      ${fact("pending", texts.pending, status?.log.pending, status?.log.pending ? "warn" : "")}
      ${fact("bitrate", texts.bitrate, variant && html`${variantName(variant)} <small>${track} ${variant.codecs}</small>`, "", true)}
    </dl></section>`;
  }

  private renderCuts(cuts: readonly Cut[]) {
    if (cuts.length === 0) return html`<p class="empty">${texts.cutsEmpty}</p>`;
    const onAir = cuts.find((c) => c.start != null && c.start <= this.now)?.number;
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${texts.cuts}><table>
      <thead><tr><th scope="col">${texts.cutNumber}</th><th scope="col">${texts.cutStart}</th><th scope="col">${texts.cutWhat}</th><th scope="col">${texts.cutReason}</th><th scope="col">${texts.cutAdherence}</th></tr></thead>
      <tbody>${(this.allCuts ? cuts : cuts.slice(0, few)).map((cut) => html`
        <tr class=${cut.number === onAir ? "on" : cut.start != null && cut.start > this.now ? "ahead" : ""}>
          <td class="number">${cut.number}</td>
          <td class="when">${time(cut.start, sameDay(cut.start, this.now) ? clockSeconds : (ms) => `${day(ms)} ${clock(ms)}`)}</td>
          <td class="what">${titleOf(cut)} ${cut.kind === "event" || !cut.title || cut.reason === "gap" ? nothing : html`<span class="tag" title=${texts.insteadTitle}>${cut.title}</span>`}
            ${cut.uri ? html`<small class="mono">${cut.uri}</small>` : nothing}</td>
          <td class="why">${cut.reason === "failed" ? html`<span class="tag failed">${texts.reasons["failed"]}</span>` : (texts.reasons[cut.reason ?? ""] ?? cut.reason)}
            ${cut.rebase ? html`<span class="tag rebase" title=${texts.rebaseTitle}>${texts.rebase}</span>` : nothing}
            ${cut.detail ? html`<small>${cut.detail}</small>` : nothing}
            ${Object.entries(cut.seams ?? {}).map(([id, hole]) => html`<small class="mono" title=${texts.seamTitle}>${texts.seam(id, signedSeconds(hole))}</small>`)}</td>
          <td class="adherence ${Math.abs(cut.adherence ?? 0) > (this.status?.target_duration ?? 6) ? "late" : ""}">${cut.adherence == null ? "–" : signedSeconds(cut.adherence)}</td>
        </tr>`)}</tbody>
    </table></div>
    ${cuts.length > few ? html`<button class="more" aria-expanded=${this.allCuts ? "true" : "false"} @click=${() => (this.allCuts = !this.allCuts)}>${this.allCuts ? texts.fewer : texts.more(cuts.length - few)}</button>` : nothing}`;
  }

  private renderProblems() {
    const { status } = this;
    const away = status?.poll.error;
    if (!status?.problems.length && !away) return html`<p class="empty">${status ? texts.problemsEmpty : common.loading}</p>`;
    return html`<ul role="list">
      ${away ? html`<li class="problem">${time(status.time, clockSeconds)}<p>${texts.scheduleAway(away)}</p></li>` : nothing}
      ${status?.problems.map((p) => html`<li class="problem">${time(p.time, sameDay(p.time, this.now) ? clockSeconds : (ms) => `${day(ms)} ${clock(ms)}`)}<p>${p.text}</p>${p.uri ? html`<small class="mono">${p.uri}</small>` : nothing}</li>`)}
    </ul>`;
  }
}

function sameDay(a: number | null | undefined, b: number): boolean {
  return a != null && new Date(a).toDateString() === new Date(b).toDateString();
}
