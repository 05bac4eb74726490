// Styles that components of both pages share; the tokens are in theme.css.
import { css } from "lit";

/** The ground of every component. */
export const ground = css`
  :host { display: block; min-width: 0 }
  :host([hidden]), [hidden] { display: none !important }
  *, ::before, ::after { box-sizing: border-box }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px }
  a { color: var(--accent); text-underline-offset: 2px }
  h1, h2, h3, p, dl, dd, ol, ul, figure { margin: 0; padding: 0 }
  ol, ul { list-style: none }
  .sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
  .mono { font-family: var(--mono); font-size: 0.93em }
  .ellipsis { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
  @media (prefers-reduced-motion: reduce) {
    *, ::before, ::after { animation: none !important; transition: none !important }
  }
`;

/** Buttons, inputs and selects. A button of one icon needs class "icon" and an aria-label. */
export const controls = css`
  button, select, input, textarea { font: inherit; color: inherit }
  button, select, .button {
    display: inline-flex; align-items: center; gap: 0.4em; height: 36px; padding: 0 0.8em; cursor: pointer;
    border: 1px solid var(--line); border-radius: var(--radius-small); background: var(--raised); text-decoration: none; color: var(--text);
    transition: background 0.12s, border-color 0.12s;
  }
  button:hover, select:hover, .button:hover { border-color: var(--line-strong) }
  button:disabled { opacity: 0.5; cursor: not-allowed }
  button[aria-pressed="true"] { border-color: var(--accent); color: var(--accent); background: var(--tint-accent) }
  button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600 }
  button.danger { color: var(--bad) }
  button.icon { width: 36px; padding: 0; justify-content: center }
  button.icon svg { width: 18px; height: 18px }
  input:not([type="checkbox"], [type="radio"], [type="range"]), textarea {
    height: 36px; padding: 0 0.7em; border: 1px solid var(--line); border-radius: var(--radius-small); background: var(--sunken); min-width: 0;
  }
  textarea { height: auto; padding: 0.5em 0.7em }
  input::placeholder { color: var(--faint); opacity: 1 }
  @media (pointer: coarse) {
    button, select, .button, input:not([type="checkbox"], [type="radio"], [type="range"]) { height: 44px }
    button.icon { width: 44px }
  }
`;
