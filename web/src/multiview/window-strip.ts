import { html, css, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { ground } from "../shared/styles.ts";
import { multiview as texts } from "../shared/texts.ts";
import { clockSeconds, signedSeconds, utc } from "../shared/time.ts";
import { vars } from "../shared/vars.ts";
import type { Cut } from "./model.ts";
import type { Segment } from "./playlist-text.ts";
import { titleOf } from "./tile.ts";

/** The cut that airs at an instant; cuts are the latest first. */
export function cutAt(cuts: readonly Cut[], ms: number): Cut | undefined {
  return cuts.find((c) => c.start != null && c.start <= ms + 500);
}

/** The listed segments on a line of time, with where the picture is. */
@customElement("mv-window")
export class WindowStrip extends LitElement {
  static override styles = [ground, css`
    .strip { position: relative; height: 46px; margin: 20px 0 22px; background: var(--sunken); border-radius: 4px }
    .segment {
      position: absolute; top: 0; bottom: 0; left: calc(var(--from) * 100%); width: calc(var(--length) * 100%); border-right: 1px solid var(--surface);
      overflow: hidden; padding: 4px 0 4px 6px; container-type: inline-size; font-size: 11px; line-height: 1.3; color: var(--text); background: var(--cut-a);
    }
    .segment.odd { background: var(--cut-b) }
    .segment.filler, .segment.slate { background: var(--cut-filler) }
    .segment.gap { background: repeating-linear-gradient(135deg, var(--tint-bad) 0 6px, transparent 6px 12px) }
    .segment.first { border-left: 3px solid var(--warn) }
    @container (max-width: 20px) { .segment > span, .segment > small { visibility: hidden } }
    .segment small { display: block; color: var(--muted); font-size: 11px }
    .mark { position: absolute; top: -6px; bottom: -6px; left: calc(var(--at) * 100%); width: 2px; background: var(--live); transition: left 1s linear }
    .mark.now { background: var(--faint); width: 1px }
    .mark span { position: absolute; top: 100%; left: 0; transform: translateX(-50%); font-size: 11px; color: var(--live); white-space: nowrap; padding-top: 1px }
    .mark.now span { color: var(--muted); transform: translateX(-100%) }
    .ends { position: absolute; top: -18px; font-size: 11px; color: var(--muted); font-family: var(--mono) }
    .ends.right { right: 0 }
  `];

  @property({ attribute: false }) segments: readonly Segment[] = [];
  @property({ attribute: false }) cuts: readonly Cut[] = [];
  /** The engine's clock and the picture's date, in Unix milliseconds. */
  @property({ attribute: false }) now = 0;
  @property({ attribute: false }) date: number | null = null;

  override render() {
    const dated = this.segments.filter((s) => s.start !== null);
    const first = dated[0];
    const last = dated.at(-1);
    if (!first || !last) return nothing;
    const from = first.start!;
    const edge = last.start! + last.duration * 1000;
    const to = Math.max(edge, Math.min(this.now, edge + 30_000)) + 500;
    const part = (ms: number) => Math.min(1, Math.max(0, (ms - from) / (to - from)));
    let before: Segment | undefined;
    return html`<div class="strip" role="img" aria-label=${texts.windowText}>
      <span class="ends">${clockSeconds(from)}</span>
      ${dated.map((s) => {
        const cut = cutAt(this.cuts, s.start!);
        const isFirst = before !== undefined && before.discontinuity !== s.discontinuity;
        before = s;
        const what = cut ? titleOf(cut) : "";
        const kind = s.gap ? "gap" : cut && cut.kind !== "event" ? cut.kind : cut && cut.number % 2 ? "odd" : "";
        return html`<span class="segment ${kind} ${isFirst ? "first" : ""}" ${vars({ "--from": part(s.start!), "--length": (s.duration * 1000) / (to - from) })}
          title="${s.sequence} · ${what}\n${utc(s.start!)} ${signedSeconds(s.duration)}">
          ${isFirst || s === first ? html`<span class="ellipsis">${what}</span>` : html`&nbsp;`}<small>${String(s.sequence).slice(-3)}</small></span>`;
      })}
      <span class="mark now" ${vars({ "--at": part(this.now) })}><span>${texts.edge}</span></span>
      ${this.date === null ? nothing : html`<span class="mark" ${vars({ "--at": part(this.date) })}><span>${texts.playhead}</span></span>`}
    </div>`;
  }
}
