import { css } from "lit";

/** Small labels that lie on pictures: the same in both themes. */
export const badges = css`
  .badge {
    display: inline-flex; align-items: center; gap: 5px; height: 20px; padding: 0 7px; border-radius: 4px; white-space: nowrap;
    font-size: 11px; font-weight: 600; letter-spacing: 0.02em; line-height: 1; color: #dfe6ee; background: #10161ee0; border: 1px solid #ffffff1f;
  }
  .badge::before { content: ""; width: 6px; height: 6px; border-radius: 50%; background: #7d8a99 }
  .badge.live::before { background: #ff5a52; box-shadow: 0 0 5px #ff5a52 }
  .badge.waking::before { background: #f2b33d }
  .badge.warn { color: #ffd488; border-color: #f2b33d66 }
  .badge.warn::before { background: #f2b33d; border-radius: 1px }
  .badge.end::before { content: none }
`;
