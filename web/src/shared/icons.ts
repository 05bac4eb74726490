// Icons, drawn for these pages: 18 × 18, in the colour of the text.
import { html, svg, type SVGTemplateResult } from "lit";

const icon = (paths: SVGTemplateResult) =>
  html`<svg viewBox="0 0 18 18" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${paths}</svg>`;

export const icons = {
  search: icon(svg`<circle cx="8" cy="8" r="4.5"/><path d="m11.5 11.5 3.5 3.5"/>`),
  sun: icon(svg`<circle cx="9" cy="9" r="3"/><path d="M9 1.8v1.7M9 14.5v1.7M1.8 9h1.7M14.5 9h1.7M3.9 3.9l1.2 1.2M12.9 12.9l1.2 1.2M3.9 14.1l1.2-1.2M12.9 5.1l1.2-1.2"/>`),
  moon: icon(svg`<path d="M15 10.7A6.3 6.3 0 0 1 7.3 3a6.3 6.3 0 1 0 7.7 7.7z"/>`),
  full: icon(svg`<path d="M2.5 6.5v-4h4M11.5 2.5h4v4M15.5 11.5v4h-4M6.5 15.5h-4v-4"/>`),
  back: icon(svg`<path d="M11 3.5 5.5 9l5.5 5.5"/>`),
  forward: icon(svg`<path d="M7 3.5 12.5 9 7 14.5"/>`),
  play: icon(svg`<path d="M5.5 3.5v11l9-5.5z" fill="currentColor"/>`),
  pause: icon(svg`<path d="M6 3.8v10.4M12 3.8v10.4" stroke-width="2.6"/>`),
  sound: icon(svg`<path d="M3 7v4h2.5L9 14V4L5.5 7z"/><path d="M11.8 6.5a3.6 3.6 0 0 1 0 5M14 4.5a6.5 6.5 0 0 1 0 9"/>`),
  muted: icon(svg`<path d="M3 7v4h2.5L9 14V4L5.5 7z"/><path d="m12 7 4 4M16 7l-4 4"/>`),
  picture: icon(svg`<rect x="2" y="3.5" width="14" height="11" rx="1.5"/><rect x="8.5" y="8.5" width="5.5" height="4" fill="currentColor"/>`),
  copy: icon(svg`<rect x="6" y="6" width="9" height="9" rx="1.5"/><path d="M12 6V4.5A1.5 1.5 0 0 0 10.5 3h-6A1.5 1.5 0 0 0 3 4.5v6A1.5 1.5 0 0 0 4.5 12H6"/>`),
  keys: icon(svg`<rect x="1.8" y="4.5" width="14.4" height="9" rx="1.5"/><path d="M5 7.5h.01M8 7.5h.01M11 7.5h.01M13.5 7.5h.01M6 10.5h6"/>`),
  warn: icon(svg`<path d="M9 2.5 1.8 15h14.4z"/><path d="M9 7.2v3.6M9 13v.01"/>`),
};
