import { html, css, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { ground } from "../shared/styles.ts";
import { common, multiview as texts } from "../shared/texts.ts";
import { vars } from "../shared/vars.ts";
import type { Summary } from "./model.ts";
import { choose } from "./wall.ts";
import { Tile } from "./tile.ts";

const gap = 14; // pixels
const wallGap = 4;
const widest = 620; // pixels that a tile is wide at most
const spare = 2; // rows that are kept above and below what is to be seen
const settled = 500; // ms that a tile has to be in view before it may play
const turnEvery = 20_000; // ms until others play, and until a wall turns its page

/** Least width of a tile in pixels. */
export const widths = { small: 170, medium: 270, large: 400 };
export type TileSize = keyof typeof widths;

/** All channels as tiles, of which only those near the view exist. */
@customElement("mv-grid")
export class Grid extends LitElement {
  static override styles = [ground, css`
    ul {
      display: grid; grid-template-columns: repeat(var(--columns), minmax(0, ${widest}px)); grid-auto-rows: var(--row); gap: ${gap}px; align-content: start;
      padding-top: var(--before); min-height: var(--height);
    }
    :host([wall]) ul { gap: ${wallGap}px; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)) }
    .page { position: fixed; inset: auto 10px 10px auto; padding: 2px 8px; border-radius: 4px; background: #10161ee0; color: #dfe6ee; font-size: 12px }
  `];

  @property({ attribute: false }) channels: readonly Summary[] = [];
  @property({ attribute: false }) now = 0;
  @property() size: TileSize = "medium";
  /** How many tiles may play. */
  @property({ type: Number }) limit = 0;
  /** Tiles fill the screen, and take turns where they don't fit. */
  @property({ type: Boolean, reflect: true }) wall = false;

  @state() private width = 0;
  @state() private height = 0;
  @state() private top = 0; // of the view, in the list's own pixels
  @state() private turn = 0;
  @state() private playing: ReadonlySet<string> = new Set();
  private readonly seen = new Set<string>(); // ids of the tiles in view
  private readonly tiles = new Map<Element, string>();
  private wanted = "";
  private choosing: ReturnType<typeof setTimeout> | undefined;
  private turning: ReturnType<typeof setInterval> | undefined;
  private listening = new AbortController();

  private readonly resized = new ResizeObserver(() => this.measure());
  private readonly viewed = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const id = this.tiles.get(target);
      if (id === undefined) continue;
      if (isIntersecting) this.seen.add(id);
      else this.seen.delete(id);
    }
    this.choose(settled);
  }, { threshold: 0.5 });

  override connectedCallback(): void {
    super.connectedCallback();
    this.listening = new AbortController();
    const { signal } = this.listening;
    this.resized.observe(this);
    let waiting = 0;
    const measure = () => (waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      this.measure();
    }));
    addEventListener("scroll", measure, { passive: true, signal });
    addEventListener("resize", measure, { passive: true, signal });
    document.addEventListener("visibilitychange", () => this.choose(document.hidden ? turnEvery : 0), { signal });
    this.turning = setInterval(() => {
      if (document.hidden) return;
      this.turn++;
      this.choose(0);
    }, turnEvery);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.listening.abort();
    this.resized.disconnect();
    this.viewed.disconnect();
    this.tiles.clear();
    this.seen.clear();
    clearInterval(this.turning);
    clearTimeout(this.choosing);
    this.playing = new Set();
  }

  private measure(): void {
    const box = this.getBoundingClientRect();
    this.width = Math.floor(box.width);
    this.height = innerHeight;
    // By whole rows, or every pixel of scrolling would draw anew.
    const { row } = this.layout();
    this.top = Math.floor(Math.max(0, -box.top) / row) * row;
  }

  /** Where tiles are: columns, pixels from row to row, and which channels exist. */
  private layout() {
    const total = this.channels.length;
    if (this.wall) {
      const fit = wallLayout(total, this.width, this.height);
      const pages = Math.max(1, Math.ceil(total / (fit.columns * fit.rows)));
      const page = this.turn % pages;
      const first = page * fit.columns * fit.rows;
      return { columns: fit.columns, row: fit.row, first, last: Math.min(total, first + fit.columns * fit.rows), before: 0, height: 0, page, pages };
    }
    const columns = Math.max(1, Math.min(total, Math.floor((this.width + gap) / (Math.min(widths[this.size], this.width || 1) + gap))));
    const tile = Math.min(widest, (this.width - (columns - 1) * gap) / columns);
    const row = Math.round((tile * 9) / 16 + (this.width < 520 ? 78 : 86)) + gap;
    const rows = Math.ceil(total / columns);
    const firstRow = Math.max(0, Math.min(Math.floor(this.top / row) - spare, rows - 1));
    const lastRow = Math.min(rows, Math.ceil((this.top + this.height) / row) + spare);
    return { columns, row, first: firstRow * columns, last: Math.min(total, lastRow * columns), before: firstRow * row, height: rows * row - gap, page: 0, pages: 1 };
  }

  override updated(changed: PropertyValues): void {
    const tiles = new Set(this.renderRoot.querySelectorAll("mv-tile"));
    for (const [tile, id] of this.tiles) {
      if (tiles.has(tile as Tile) && (tile as Tile).channel.id === id) continue;
      this.viewed.unobserve(tile);
      this.tiles.delete(tile);
      this.seen.delete(id);
    }
    for (const tile of tiles) {
      if (this.tiles.has(tile)) continue;
      this.tiles.set(tile, tile.channel.id);
      this.viewed.observe(tile);
    }
    if (changed.has("limit") || changed.has("wall") || changed.has("channels")) this.choose(0);
    if (changed.has("wall")) this.measure();
  }

  /** Chooses who plays, after a while: who scrolls past a channel does not wake it. */
  private choose(wait: number): void {
    clearTimeout(this.choosing);
    this.choosing = setTimeout(() => {
      if (document.hidden) {
        this.playing = new Set();
        return;
      }
      const visible = this.channels.filter((c) => this.seen.has(c.id)).map(({ id, state }) => ({ id, state, wanted: id === this.wanted }));
      const next = choose(visible, this.limit, this.turn, this.layout().pages === 1);
      if (next.size !== this.playing.size || [...next].some((id) => !this.playing.has(id))) this.playing = next;
    }, wait);
  }

  private want(id: string): void {
    if (this.wanted === id) return;
    this.wanted = id;
    this.choose(settled);
  }

  /** Arrow keys go from tile to tile, also to those that don't exist yet. */
  private async keydown(event: KeyboardEvent, index: number): Promise<void> {
    const { columns } = this.layout();
    const to = index + ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -index, End: this.channels.length - 1 - index }[event.key] ?? 0);
    const id = this.channels[to]?.id;
    if (to === index || id === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const find = () => [...this.renderRoot.querySelectorAll("mv-tile")].find((t) => t.channel.id === id);
    let tile = find();
    if (!tile) {
      const { row } = this.layout();
      scrollTo({ top: scrollY + this.getBoundingClientRect().top + Math.floor(to / columns) * row - innerHeight / 2 });
      this.measure();
      await this.updateComplete;
      tile = find();
    }
    tile?.focus();
    tile?.scrollIntoView({ block: "nearest" });
  }

  override render() {
    const { columns, row, first, last, before, height, page, pages } = this.layout();
    const between = this.wall ? wallGap : gap;
    return html`<ul role="list" aria-label=${common.channels} ${vars({ "--columns": columns, "--row": `${row - between}px`, "--before": `${before}px`, "--height": `${height}px` })}>
      ${this.width === 0 ? "" : repeat(this.channels.slice(first, last), (c) => c.id, (channel, i) => html`
        <li aria-setsize=${this.channels.length} aria-posinset=${first + i + 1}
          @pointerenter=${(e: PointerEvent) => e.pointerType === "mouse" && this.want(channel.id)} @focusin=${() => this.want(channel.id)}
          @pointerleave=${() => this.want("")} @focusout=${() => this.want("")} @keydown=${(e: KeyboardEvent) => void this.keydown(e, first + i)}>
          <mv-tile .channel=${channel} .now=${this.now} ?playing=${this.playing.has(channel.id)} ?bare=${this.wall}></mv-tile>
        </li>`)}
    </ul>
    ${pages > 1 ? html`<p class="page">${texts.wallPage(page + 1, pages)}</p>` : nothing}`;
  }
}

/**
 * The columns and rows with which pictures of 16:9 are as large as can be on a
 * screen, where all can be large enough to be seen; otherwise as many as can.
 */
export function wallLayout(total: number, width: number, height: number) {
  const least = Math.min(width, Math.max(170, width / 12));
  const across = (columns: number) => (width - (columns - 1) * wallGap) / columns;
  const down = (rows: number) => (height - (rows - 1) * wallGap) / rows;
  let best = { columns: 1, rows: 1, picture: 0 };
  for (let columns = 1; columns <= total; columns++) {
    const rows = Math.ceil(total / columns);
    const picture = Math.min(across(columns), (down(rows) * 16) / 9);
    if (picture > best.picture) best = { columns, rows, picture };
  }
  let { columns, rows } = best;
  if (best.picture < least) {
    columns = Math.max(1, Math.floor((width + wallGap) / (least + wallGap)));
    rows = Math.max(1, Math.floor((height + wallGap) / ((least * 9) / 16 + wallGap)));
  }
  return { columns, rows, row: Math.floor(down(rows)) + wallGap };
}
