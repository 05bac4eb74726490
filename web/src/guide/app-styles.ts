import { css } from "lit";

export const appStyles = css`
  :host { display: grid; grid-template-rows: auto auto minmax(0, 1fr) auto; height: 100dvh }
  header { grid-row: 1; display: flex; flex-wrap: wrap; gap: 8px 10px; align-items: center; padding: 9px 14px; font-size: 14px; background: var(--surface); border-bottom: 1px solid var(--line) }
  h1 { font-size: 17px; letter-spacing: -0.01em; margin-right: 4px }
  .group { display: flex; gap: 4px }
  .push { margin-left: auto }
  .zone { color: var(--muted); font-size: 13px }
  #filter { width: 11rem; flex: 0 1 11rem; min-width: 7rem }
  #day { width: 8.9rem; padding: 0 0.5em }
  header button:not(.icon) { padding: 0 0.7em }
  #more { display: flex; gap: 8px 10px; align-items: center; margin-left: auto }
  #menu { display: none }
  .offline { grid-row: 2; padding: 7px 14px; background: var(--tint-bad); border-bottom: 1px solid var(--bad); font-size: 14px }
  main { grid-row: 3; position: relative; display: flex; min-height: 0 }
  guide-grid { flex: 1; min-width: 0 }
  aside {
    flex: none; width: min(400px, 100%); overflow: auto; padding: 14px 16px 24px; background: var(--surface); border-left: 1px solid var(--line-strong);
    scrollbar-color: var(--line-strong) transparent;
  }
  aside > * + * { margin-top: 20px }
  .empty, .first { position: absolute; inset: 30% 0 auto; display: grid; gap: 12px; justify-items: center; color: var(--muted); pointer-events: none }
  .empty > button { pointer-events: auto }
  footer { grid-row: 4; display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; padding: 6px 14px; font-size: 12px; color: var(--muted); background: var(--surface); border-top: 1px solid var(--line) }
  .key { display: inline-flex; gap: 6px; align-items: center }
  .swatch { width: 16px; height: 10px; border-radius: 2px; border: 1px solid var(--line-strong); display: inline-block }
  .swatch.planned { background: var(--raised); border-left: 3px solid var(--accent) }
  .swatch.gap { background: var(--tint-filler) }
  .swatch.aired { background: var(--good); height: 5px; border: 0 }
  .swatch.bad { background: var(--bad); height: 5px; border: 0 }
  .swatch.aired, .swatch.bad { forced-color-adjust: none }
  button.drafts { height: 24px; padding: 0 8px; font-size: 12px; border-color: var(--bad); color: var(--bad) }
  button.link { all: unset; cursor: pointer; color: var(--accent); text-decoration: underline; text-underline-offset: 2px }
  button.link:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
  .toasts { position: fixed; inset: auto 0 44px; display: grid; justify-items: center; pointer-events: none; z-index: 20; padding: 0 12px }
  .toast {
    pointer-events: auto; display: flex; gap: 10px; align-items: center; max-width: 46rem; padding: 8px 8px 8px 14px; border-radius: var(--radius); background: var(--raised);
    border: 1px solid var(--line-strong); box-shadow: var(--shadow); font-size: 14px; overflow-wrap: anywhere;
  }
  .toast.bad { border-color: var(--bad); background: color-mix(in oklab, var(--raised), var(--bad) 12%) }
  .toast button { height: 30px; flex: none }
  .toast button.icon { width: 30px; border-color: transparent; background: none }
  dialog { border: 1px solid var(--line-strong); border-radius: var(--radius); background: var(--surface); color: var(--text); box-shadow: var(--shadow); padding: 18px 20px; width: min(38rem, calc(100vw - 24px)); max-height: calc(100dvh - 40px) }
  dialog::backdrop { background: #0008 }
  dialog h2 { font-size: 17px }
  dialog p { margin: 8px 0 }
  dialog form { display: grid; gap: 12px }
  dialog .field { display: grid; gap: 4px; font-size: 13px; color: var(--muted) }
  .bad { color: var(--bad) }
  .toast.bad { color: inherit }
  .actions { display: flex; gap: 8px; align-items: center }
  dialog dl { display: grid; grid-template-columns: auto 1fr; gap: 6px 18px; font-size: 14px; margin-top: 12px }
  dt { white-space: nowrap }
  kbd { font: 12px var(--mono); border: 1px solid var(--line-strong); border-bottom-width: 2px; border-radius: 4px; padding: 1px 5px; background: var(--raised) }

  @media (max-width: 900px) {
    header { gap: 6px 8px; padding: 8px 10px }
    aside { position: absolute; inset: 0 0 0 auto; z-index: 10; box-shadow: var(--shadow) }
  }
  @media (max-width: 640px) {
    h1 { display: none }
    header { padding: 8px; gap: 6px }
    #filter { flex: 1 1 6rem; width: auto }
    #day { flex: 1; width: auto }
    header .group:first-of-type { flex: 1 1 calc(100% - 60px) }
    header > * { order: 2 }
    header .group:first-of-type, #menu { order: 1 }
    #menu { display: inline-flex }
    #more { display: none; position: absolute; z-index: 20; right: 8px; top: 56px; flex-direction: column; align-items: stretch; padding: 10px; background: var(--raised); border: 1px solid var(--line-strong); border-radius: var(--radius); box-shadow: var(--shadow) }
    #more.open { display: flex }
    #new { position: fixed; z-index: 9; right: 16px; bottom: 44px; height: 52px; border-radius: 26px; padding: 0 20px; box-shadow: var(--shadow) }
    footer .key { display: none }
    aside { inset: 0; width: 100%; border-left: 0 }
    dialog dl { grid-template-columns: 1fr; gap: 2px }
    dialog dd { margin-bottom: 8px }
  }
  @media (min-width: 2200px) { :host { font-size: 17px } }
`;
