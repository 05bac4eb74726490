import { css } from "lit";
import { ground } from "../shared/styles.ts";

/** Sizes that the grid works out are in custom properties; all in pixels. */
export const gridStyles = [
  ground,
  css`
    :host { position: relative; min-height: 0; background: var(--surface) }
    .scroller {
      position: absolute; inset: 0; overflow: auto; overscroll-behavior: contain; outline-offset: -2px;
      scroll-padding: var(--head) 0 0 var(--name); scrollbar-color: var(--line-strong) transparent;
    }
    .scroller.held { cursor: grabbing; user-select: none }
    .content { position: relative; width: var(--width); height: max(100%, calc(var(--head) + var(--rows) * var(--row))); overflow: clip; user-select: none; -webkit-user-select: none }

    .head { position: sticky; top: 0; z-index: 5; display: flex; height: var(--head); width: var(--width); background: var(--raised); border-bottom: 1px solid var(--line) }
    .corner {
      position: sticky; left: 0; z-index: 2; flex: none; width: var(--name); padding: 0 12px; display: flex; align-items: center; gap: 6px;
      font-size: 12px; color: var(--muted); background: var(--raised); border-right: 1px solid var(--line-strong);
    }
    .count { color: var(--faint) }
    .add { all: unset; box-sizing: border-box; cursor: pointer; margin-left: auto; width: 26px; height: 26px; display: grid; place-items: center; border-radius: var(--radius-small); border: 1px solid var(--line-strong); font-size: 16px; line-height: 1; color: var(--text) }
    .add:hover { border-color: var(--accent); color: var(--accent) }
    .add:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
    .axis { position: relative; flex: 1; overflow: clip }
    .day { position: absolute; top: 0; height: 24px; border-left: 1px solid var(--line-strong); font-size: 12px; font-weight: 600; line-height: 23px }
    .day span { position: sticky; left: calc(var(--name) + 8px); padding: 0 8px; white-space: nowrap }
    .day.weekend { color: var(--muted) }
    .day.today { color: var(--accent) }
    .tick { position: absolute; bottom: 3px; padding-left: 5px; font-size: 11.5px; color: var(--muted); white-space: nowrap }
    .tick::before { content: ""; position: absolute; left: 0; bottom: -3px; height: 7px; border-left: 1px solid var(--line-strong) }

    .lines { position: absolute; inset: var(--head) 0 0 var(--name); pointer-events: none; z-index: 0 }
    .lines i { position: absolute; top: 0; bottom: 0; border-left: 1px solid var(--line) }
    .lines i.midnight { border-color: var(--line-strong) }

    .rail { position: sticky; left: 0; z-index: 1; width: var(--name); height: calc(100% - var(--head)); background: var(--surface); border-right: 1px solid var(--line-strong) }

    .row { position: absolute; left: 0; height: var(--row); width: var(--width); display: flex; border-bottom: 1px solid var(--line) }
    .name {
      position: sticky; left: 0; z-index: 4; flex: none; width: var(--name); background: var(--surface); border-right: 1px solid var(--line-strong);
      display: grid; grid-template-columns: minmax(0, 1fr) auto; grid-template-rows: 1fr 1fr; align-items: center; padding: 7px 6px 7px 12px; column-gap: 4px;
    }
    .row:hover .name { background: var(--raised) }
    .plain { all: unset; cursor: pointer; display: block; min-width: 0; max-width: 100%; box-sizing: border-box; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
    .plain:hover { text-decoration: underline; text-underline-offset: 2px }
    .plain:focus-visible { outline: 2px solid var(--accent) }
    .title { font-weight: 600; font-size: 14px; line-height: 20px }
    .sub { grid-column: 1; display: flex; align-items: center; gap: 6px; font-size: 12px; color: var(--muted); line-height: 18px; min-width: 0 }
    .sub .bad { color: var(--bad) }
    .dot { flex: none; width: 7px; height: 7px; border-radius: 50%; background: var(--live) }
    .watch { grid-column: 2; grid-row: 1 / span 2; display: grid; place-items: center; width: 30px; height: 30px; border-radius: 50%; color: var(--muted) }
    .watch:hover { background: var(--tint-accent); color: var(--accent) }
    .watch svg { width: 16px; height: 16px }
    .track { position: relative; flex: 1; touch-action: pan-x pan-y }
    .known { position: absolute; top: 6px; height: calc(var(--row) - 20px); background: var(--tint-filler) }

    .cell, .draft, .ghost { position: absolute; top: 6px; height: calc(var(--row) - 20px); overflow: clip; font-size: 12.5px; line-height: 17px }
    .cell { cursor: default }
    .cell:focus-visible { outline: 2px solid var(--accent); outline-offset: 0; z-index: 2 }
    .label { display: inline-flex; flex-direction: column; max-width: 100%; padding: 4px 8px; vertical-align: top; pointer-events: none; min-width: 0 }
    .label.sticks { position: sticky; left: calc(var(--name) + 6px) }
    .label b { font-weight: 600; max-width: 100% }
    .time { color: var(--muted); font-size: 11.5px; max-width: 100%; white-space: nowrap }
    .auto { border: 1px solid var(--line-strong); border-radius: 3px; padding: 0 3px; font-size: 10px; line-height: 13px; display: inline-block }
    .gap .label { color: color-mix(in oklab, var(--filler), var(--text) 40%); flex-direction: row; gap: 6px; padding-top: 12px; font-size: 12px }
    .gap .time { color: inherit }
    .gap { cursor: cell }

    /* Hundreds of these are painted anew while somebody scrolls: two straight
       borders and one colour cost a twentieth of round corners and shadows. */
    .event {
      --tone: oklch(from var(--accent) l c calc(h + var(--hue, 0) * 30)); background: var(--raised); cursor: pointer;
      border: 0 solid var(--surface); border-left: 3px solid var(--tone); border-right-width: 1px; touch-action: pan-x pan-y;
    }
    .event:hover { outline: 1px solid var(--tone); z-index: 1 }
    .event { padding: 4px 8px; text-overflow: ellipsis; white-space: nowrap }
    .event b { font-weight: 600 }
    .event.tight { padding: 11px 5px }
    .event.wide, .event.cluster { padding: 0 }
    .event.past { background: color-mix(in oklab, var(--raised), var(--surface) 70%); border-left-color: color-mix(in oklab, var(--tone), var(--surface) 55%) }
    .event.past b { font-weight: 500; color: var(--muted) }
    .event.onair { box-shadow: inset 0 0 0 1px var(--tone) }
    .done { position: absolute; inset: 0 auto 0 0; width: calc(var(--done) * 100%); background: var(--tint-accent); pointer-events: none }
    .event.late, .event.short, .event.moved { border-left-color: var(--warn); box-shadow: inset 0 1px var(--warn) }
    .event.failed, .event.missing { border-left-color: var(--bad); box-shadow: inset 0 1px var(--bad); background: linear-gradient(var(--tint-bad), var(--tint-bad)), var(--surface) }
    .late .mark, .short .mark, .moved .mark { color: var(--warn) }
    .failed .mark, .missing .mark { color: var(--bad) }
    .event.selected { box-shadow: 0 0 0 2px var(--accent); z-index: 3 }
    .event.selected, .event.tapped { touch-action: none }
    .event.clash { box-shadow: 0 0 0 2px var(--bad); z-index: 3 }
    .event.pending { opacity: 0.7 }
    .event.lifted { opacity: 0.4 }
    .cluster { background: repeating-linear-gradient(90deg, var(--raised) 0 5px, var(--line) 5px 6px); border-left-width: 1px; border-left-color: var(--line-strong); --hue: 0 }
    .cluster .label { display: grid; place-items: center; height: 100%; padding: 0 4px; color: var(--muted); font-size: 11px; left: 0 }
    .event:not(.cluster)::before, .event:not(.cluster)::after { content: ""; position: absolute; top: 0; bottom: 0; width: min(7px, 25%); cursor: ew-resize }
    .event:not(.cluster)::before { left: -3px }
    .event:not(.cluster)::after { right: -1px }
    .event.selected::before, .event.selected::after { background: linear-gradient(var(--accent), var(--accent)) center / 2px 40% no-repeat }
    @media (pointer: coarse) {
      .event.tapped::before, .event.tapped::after { width: min(22px, 25%); background: linear-gradient(var(--accent), var(--accent)) center / 2px 40% no-repeat }
    }

    .aired { position: absolute; bottom: 4px; height: 6px; background: var(--good); opacity: 0.85; border-radius: 1px; box-shadow: inset 1px 0 var(--surface) }
    .aired[data-kind="filler"] { background: var(--filler); opacity: 0.6 }
    .aired[data-kind="mixed"] { background: repeating-linear-gradient(90deg, var(--good) 0 3px, var(--filler) 3px 5px) }
    .aired[data-kind="slate"], .aired[data-kind="failed"] { background: var(--bad); opacity: 1 }

    .draft { z-index: 4; top: 16px; height: calc(var(--row) - 24px); border: 2px dashed var(--bad); border-radius: 4px; background: color-mix(in oklab, var(--surface), var(--bad) 14%); cursor: pointer }
    .draft .label { padding-block: 1px; line-height: 15px }
    .draft .time { color: var(--bad) }
    .draft.selected { box-shadow: 0 0 0 2px var(--bad) }
    .ghost { z-index: 6; border: 2px solid var(--accent); border-radius: 4px; background: color-mix(in oklab, var(--surface) 82%, var(--accent)); box-shadow: var(--shadow); pointer-events: none; min-width: 4px; overflow: visible }
    .ghost .label { position: static; white-space: nowrap; max-width: none }
    .ghost.bad { border-color: var(--bad); background: color-mix(in oklab, var(--surface) 82%, var(--bad)) }

    .now { position: absolute; z-index: 3; top: var(--head); bottom: 0; border-left: 2px solid var(--live); pointer-events: none; margin-left: -1px }
    .now::before { content: ""; position: sticky; display: block; top: calc(var(--head) - 4px); width: 9px; height: 9px; margin-left: -5.5px; border-radius: 50%; background: var(--live) }

    /* Colours that forced ones take away are drawn as lines. */
    @media (forced-colors: active) {
      .event { border: 1px solid }
      .event.selected, .event.clash { outline: 2px solid Highlight }
      .aired, .now, .done { forced-color-adjust: none }
    }
    @media (max-width: 640px) {
      .name { padding: 6px 4px 6px 8px; grid-template-columns: minmax(0, 1fr) }
      .title { font-size: 13px }
      .watch { display: none }
      .corner { padding-inline: 8px }
      .corner .what { display: none }
    }
  `,
];
