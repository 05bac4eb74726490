import { css } from "lit";

/** Forms in panels and dialogs. */
export const panelStyles = css`
  form { display: grid; gap: 14px }
  .field { display: grid; gap: 4px; min-width: 0 }
  .field > span, legend, .field > label { font-size: 12.5px; color: var(--muted) }
  .field input, .field select, .field textarea { width: 100% }
  .field small, .note { font-size: 12.5px; color: var(--muted); line-height: 1.4 }
  .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 10px }
  .three { display: grid; grid-template-columns: minmax(0, 1.7fr) minmax(0, 1fr) minmax(0, 1fr); gap: 10px }
  .actions { display: flex; flex-wrap: wrap; gap: 8px; align-items: center }
  .actions .push { margin-left: auto }
  .problem, .warning, .good { border-left: 3px solid; padding: 8px 10px; border-radius: 3px; font-size: 13.5px; line-height: 1.4; overflow-wrap: anywhere }
  .problem { border-color: var(--bad); background: var(--tint-bad) }
  .warning { border-color: var(--warn); background: var(--tint-warn) }
  .good { border-color: var(--good); background: var(--tint-good) }
  .problem b, .warning b { display: block }
  .check { display: flex; gap: 8px; align-items: center; font-size: 14px }
  details > summary { cursor: pointer; font-size: 13.5px; color: var(--muted); padding: 4px 0 }
  details[open] > summary { margin-bottom: 10px }
  details > div { display: grid; gap: 14px }
  fieldset { border: 1px solid var(--line); border-radius: var(--radius-small); padding: 10px 12px 12px; margin: 0; display: grid; gap: 12px; min-width: 0 }
  .facts { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 3px 12px; font-size: 13.5px }
  .facts dt { color: var(--muted) }
  .facts dd { margin: 0; overflow-wrap: anywhere }
  h2 { font-size: 16px; line-height: 1.3; margin: 0 }
  h3 { font-size: 13.5px; margin: 0 0 6px }
  .rows { display: grid; gap: 6px; font-size: 13px }
  .rows li { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 10px; border-top: 1px solid var(--line); padding-top: 6px; overflow-wrap: anywhere }
`;
