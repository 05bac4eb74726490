import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { controls, ground } from "../shared/styles.ts";
import { common, guide as texts } from "../shared/texts.ts";
import { panelStyles } from "./panel-styles.ts";
import { reason, type Store } from "./store.ts";
import type { AutoState, Channel, ReplaceReport } from "./types.ts";
import { clockText, dateText, dayText, localZone } from "./zone.ts";

type Block = Record<string, unknown>;

const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** A channel's settings, also of its auto-scheduler; its day as a file. */
@customElement("guide-channel")
export class ChannelForm extends LitElement {
  static override styles = [ground, controls, panelStyles];

  @property({ attribute: false }) store!: Store;
  /** "" makes a new one. */
  @property() channelId = "";
  @property() zone = localZone;
  /** The day that is looked at, for files. */
  @property({ type: Number }) day = Date.now();

  @state() private newId = "";
  @state() private name = "";
  @state() private config: Record<string, unknown> = {};
  @state() private lists: Record<string, string> = {}; // content as it is typed, by the block's number or "base"
  @state() private auto: AutoState | null = null;
  @state() private problem = "";
  @state() private busy = false;
  @state() private confirm: string | null = null;
  @state() private file: File | null = null;
  @state() private report: ReplaceReport | null = null;
  @state() private fileProblem = "";
  @state() private ready = false;
  private etag = "";

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("channelId")) void this.fill();
  }

  private async fill(): Promise<void> {
    const id = this.channelId;
    this.problem = this.fileProblem = "";
    this.auto = this.report = this.file = null;
    this.confirm = null;
    this.ready = !id;
    this.take({ id: "", name: "", config: {} });
    if (!id) return;
    try {
      const { value, etag } = await this.store.service.channel(id);
      if (id !== this.channelId) return;
      this.etag = etag;
      this.take(value);
      this.ready = true;
      const auto = await this.store.service.autoschedule(id);
      if (id === this.channelId) this.auto = auto;
    } catch (err) {
      this.problem = reason(err);
    }
  }

  private take({ id, name, config }: Omit<Channel, "revision">): void {
    this.newId = id;
    this.name = name;
    this.config = structuredClone(config);
    this.lists = { base: contentText(config["auto_populate_content"]) };
    this.blocks.forEach((b, i) => (this.lists[String(i)] = contentText(b["content"])));
  }

  private get plan(): Record<string, unknown> {
    const plan = this.config["auto_schedule"];
    return typeof plan === "object" && plan !== null && !Array.isArray(plan) ? (plan as Record<string, unknown>) : {};
  }

  private get blocks(): Block[] {
    const blocks = this.plan["blocks"];
    return Array.isArray(blocks) ? (blocks as Block[]) : [];
  }

  /** Sets a field of the configuration; nothing takes it out. */
  private set(field: string, value: unknown): void {
    this.config = without({ ...this.config, [field]: value });
  }

  private setPlan(field: string, value: unknown): void {
    const plan = without({ ...this.plan, [field]: value });
    this.set("auto_schedule", Object.keys(plan).length ? plan : undefined);
  }

  private setBlock(index: number, field: string, value: unknown): void {
    this.setPlan("blocks", this.blocks.map((b, i) => (i === index ? without({ ...b, [field]: value }) : b)));
  }

  override render(): TemplateResult {
    const made = this.channelId !== "";
    const heading = made ? texts.channelHeading : texts.newChannel;
    return html`
      <form @submit=${this.submit} aria-labelledby="heading" autocomplete="off">
        <div class="actions"><h2 id="heading">${heading}</h2>
          <button class="icon push" type="button" aria-label=${common.close} title="${common.close} (Esc)" @click=${this.close}>✕</button></div>
        ${made ? nothing : this.text(texts.channelId, this.newId, (v) => (this.newId = v), { id: "id", pattern: "[A-Za-z0-9_\\-]{1,64}", required: true, help: texts.channelIdHelp })}
        ${this.text(texts.nameField, this.name, (v) => (this.name = v), { id: "name", maxlength: 200 })}
        ${this.text(texts.fillerField, this.string("filler"), (v) => this.set("filler", v), { id: "filler", help: texts.fillerHelp })}
        <details><summary>${texts.more}</summary><div>
          <div class="pair">
            ${this.text(texts.group, this.string("group"), (v) => this.set("group", v))}
            ${this.text(texts.targetDuration, String(this.config["target_duration"] ?? ""), (v) => this.set("target_duration", v === "" ? undefined : number(v)), { help: texts.targetHelp })}
          </div>
          ${this.text(texts.logo, this.string("logo"), (v) => this.set("logo", v))}
          ${this.text(texts.delivery, this.string("delivery"), (v) => this.set("delivery", v), { help: texts.deliveryHelp })}
          ${this.check(texts.alwaysOn, this.config["always_on"] === true, (on) => this.set("always_on", on || undefined))}
        </div></details>
        ${this.renderAuto()}
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="actions">
          <button class="primary" type="submit" ?disabled=${this.busy || !this.ready}>${made ? texts.save : texts.create}</button>
          ${made && this.confirm === null ? html`<button class="danger push" type="button" id="delete" @click=${() => (this.confirm = "")}>${texts.deleteChannel}</button>` : nothing}
        </div>
      </form>
      ${this.confirm === null ? nothing : this.renderDelete()}
      ${made ? this.renderFile() : nothing}
    `;
  }

  private string(field: string): string {
    const value = this.config[field];
    return typeof value === "string" ? value : "";
  }

  private text(label: string, value: string, set: (v: string) => void, o: { id?: string; pattern?: string; required?: boolean; maxlength?: number; help?: string; placeholder?: string } = {}): TemplateResult {
    return html`<label class="field"><span>${label}</span>
      <input id=${o.id ?? nothing} pattern=${o.pattern ?? nothing} ?required=${o.required ?? false} maxlength=${o.maxlength ?? nothing} placeholder=${o.placeholder ?? nothing} spellcheck="false"
        .value=${live(value)} @input=${(e: Event) => set((e.target as HTMLInputElement).value.trim())}>
      ${o.help ? html`<small>${o.help}</small>` : nothing}</label>`;
  }

  private check(label: string, on: boolean, set: (on: boolean) => void, id?: string): TemplateResult {
    return html`<label class="check"><input id=${id ?? nothing} type="checkbox" .checked=${live(on)} @change=${(e: Event) => set((e.target as HTMLInputElement).checked)}>${label}</label>`;
  }

  private select(label: string, value: string, options: [string, string][], set: (v: string) => void): TemplateResult {
    return html`<label class="field"><span>${label}</span><select @change=${(e: Event) => set((e.target as HTMLSelectElement).value)}>
      ${options.map(([v, text]) => html`<option value=${v} .selected=${v === value}>${text}</option>`)}</select></label>`;
  }

  private content(label: string, key: string, id?: string): TemplateResult {
    return html`<label class="field"><span>${label}</span>
      <textarea id=${id ?? nothing} rows="3" spellcheck="false" .value=${live(this.lists[key] ?? "")} @input=${(e: Event) => (this.lists = { ...this.lists, [key]: (e.target as HTMLTextAreaElement).value })}></textarea>
      <small>${texts.contentHelp}</small></label>`;
  }

  private renderAuto(): TemplateResult {
    const on = this.config["auto_populate"] === true;
    const plan = this.plan;
    const orders: [string, string][] = [["shuffle", texts.shuffle], ["sequence", texts.sequence]];
    const pads: [string, string][] = [["0", texts.backToBack], ...[5, 10, 15, 20, 30, 60].map((n): [string, string] => [String(n), texts.padTo(n)])];
    const pad = (v: string) => (v === "0" ? undefined : Number(v));
    return html`<fieldset id="auto"><legend>${texts.autoscheduler}</legend>
      ${this.check(texts.autoPopulate, on, (v) => this.set("auto_populate", v || undefined), "populate")}
      ${on
        ? html`
            ${this.content(texts.contentField, "base", "content")}
            <div class="pair">
              ${this.select(texts.order, String(plan["order"] ?? "shuffle"), orders, (v) => this.setPlan("order", v === "shuffle" ? undefined : v))}
              ${this.select(texts.pad, String(plan["pad_to"] ?? "0"), pads, (v) => this.setPlan("pad_to", pad(v)))}
            </div>
            <div class="pair">
              ${this.text(texts.ahead, String(plan["ahead"] ?? ""), (v) => this.setPlan("ahead", v), { placeholder: "12h", help: texts.aheadHelp })}
              ${this.text(texts.autoZone, String(plan["zone"] ?? ""), (v) => this.setPlan("zone", v), { placeholder: "UTC", help: localZone === "UTC" ? "" : texts.zoneHelp(localZone) })}
            </div>
            ${this.blocks.map(
              (b, i) => html`<fieldset><legend>${texts.block(i + 1)}</legend>
                <div class="pair">
                  ${this.text(texts.from, String(b["from"] ?? ""), (v) => this.setBlock(i, "from", v), { placeholder: "20:00", required: true })}
                  ${this.text(texts.to, String(b["to"] ?? ""), (v) => this.setBlock(i, "to", v), { placeholder: "23:00", required: true })}
                </div>
                <div class="actions" role="group" aria-label=${texts.days}>${weekdays.map((d) => {
                  const days = Array.isArray(b["days"]) ? (b["days"] as string[]) : [...weekdays];
                  const has = days.includes(d);
                  return this.check(texts.weekdays[d], has, () => {
                    const next = weekdays.filter((w) => (w === d ? !has : days.includes(w)));
                    this.setBlock(i, "days", next.length === 7 ? undefined : next);
                  });
                })}</div>
                ${this.content(texts.contentField, String(i))}
                <div class="pair">
                  ${this.select(texts.order, String(b["order"] ?? "shuffle"), orders, (v) => this.setBlock(i, "order", v === "shuffle" ? undefined : v))}
                  ${this.select(texts.pad, String(b["pad_to"] ?? "0"), pads, (v) => this.setBlock(i, "pad_to", pad(v)))}
                </div>
                ${this.text(texts.atMostLate, String(b["at_most_late"] ?? ""), (v) => this.setBlock(i, "at_most_late", v), { placeholder: "0s" })}
                <div class="actions"><button type="button" class="danger push" @click=${() => this.dropBlock(i)}>${texts.dropBlock}</button></div>
              </fieldset>`,
            )}
            <div class="actions"><button type="button" id="add-block" @click=${this.addBlock}>${texts.addBlock}</button></div>`
        : nothing}
      ${this.select(
        texts.cleanup,
        this.config["auto_cleanup"] === true ? "48h" : String(this.config["auto_cleanup"] || ""),
        [["", texts.keepAll], ["48h", texts.keepFor(2)], ["168h", texts.keepFor(7)], ["720h", texts.keepFor(30)], ...this.otherCleanup()],
        (v) => this.set("auto_cleanup", v || undefined),
      )}
      ${this.renderReport()}
    </fieldset>`;
  }

  private otherCleanup(): [string, string][] {
    const v = this.config["auto_cleanup"];
    return typeof v === "string" && v && !["48h", "168h", "720h"].includes(v) ? [[v, v]] : [];
  }

  private renderReport(): unknown {
    const r = this.auto?.report;
    if (!r) return nothing;
    return html`<details id="report" ?open=${r.problems.length > 0}><summary>${texts.report(`${dayText(r.planned, this.zone)} ${clockText(r.planned, this.zone)}`, `${dayText(r.until, this.zone)} ${clockText(r.until, this.zone)}`)}</summary>
      <ul class="rows">
        ${r.sources.map((s) => html`<li><span>${texts.usable(s.usable, s.entries)}</span><span>${s.feed ?? texts.ownList}${s.error ? html`<span class="warning">${s.error}</span>` : nothing}</span></li>`)}
        ${r.problems.map((p) => html`<li><span>⚠</span><span>${p.title || p.uri}: ${p.reason}</span></li>`)}
        ${r.more ? html`<li><span></span><span>${texts.moreProblems(r.more)}</span></li>` : nothing}
      </ul></details>`;
  }

  private addBlock(): void {
    this.setPlan("blocks", [...this.blocks, { from: "20:00", to: "23:00" }]);
  }

  private dropBlock(index: number): void {
    const blocks = this.blocks.filter((_, i) => i !== index);
    const lists: Record<string, string> = { base: this.lists["base"] ?? "" };
    blocks.forEach((_, i) => (lists[String(i)] = this.lists[String(i < index ? i : i + 1)] ?? ""));
    this.setPlan("blocks", blocks.length ? blocks : undefined);
    this.lists = lists;
  }

  private renderDelete(): TemplateResult {
    return html`<form class="problem" @submit=${this.deleteIt}>
      <label class="field"><span>${texts.deleteHelp(this.channelId)}</span>
        <input id="confirm" autocomplete="off" .value=${live(this.confirm ?? "")} @input=${(e: Event) => (this.confirm = (e.target as HTMLInputElement).value)}></label>
      <div class="actions"><button class="danger" type="submit" ?disabled=${this.confirm !== this.channelId || this.busy}>${texts.deleteForGood}</button>
        <button type="button" @click=${() => (this.confirm = null)}>${texts.cancel}</button></div></form>`;
  }

  private renderFile(): TemplateResult {
    const { service } = this.store;
    const date = dateText(this.day, this.zone);
    const path = service.dayPath(this.channelId, date, this.zone);
    const r = this.report;
    return html`<section id="file"><h3>${texts.fileHeading(dayText(this.day, this.zone))}</h3>
      <div class="rows">
        <div class="actions"><a class="button" download="${this.channelId}-${date}.csv" href="${path}&format=csv">${texts.download("CSV")}</a>
          <a class="button" download="${this.channelId}-${date}.json" href=${path}>${texts.download("JSON")}</a></div>
        <label class="field"><span>${texts.upload}</span><input id="upload" type="file" accept=".csv,.json,text/csv,application/json" @change=${this.chosen}></label>
        ${this.fileProblem ? html`<p class="problem" role="alert">${this.fileProblem}</p>` : nothing}
        ${r
          ? html`<div class=${r.conflicts.length ? "problem" : "good"} role="status"><b>${texts.wouldChange(r.created.length, r.updated.length, r.deleted.length, r.unchanged)}</b>
              <ul>${[...r.conflicts.map((c) => `${c.location}: ${c.message}`), ...r.deleted.map((e) => texts.goes(e.title || e.id)), ...r.created.map((e) => texts.comes(e.title || e.id))].slice(0, 12).map((t) => html`<li>${t}</li>`)}</ul>
              ${r.conflicts.length ? nothing : html`<p class="actions"><button type="button" class="primary" id="apply" ?disabled=${this.busy} @click=${this.apply}>${texts.apply}</button></p>`}</div>`
          : nothing}
      </div></section>`;
  }

  private type(file: File): string {
    return /\.json$/i.test(file.name) || file.type === "application/json" ? "application/json" : "text/csv";
  }

  private async chosen(e: Event): Promise<void> {
    const file = (e.target as HTMLInputElement).files?.[0] ?? null;
    this.file = file;
    this.report = null;
    this.fileProblem = "";
    if (!file) return;
    try {
      this.report = await this.store.service.dryRun(this.channelId, dateText(this.day, this.zone), this.zone, file, this.type(file));
    } catch (err) {
      this.fileProblem = reason(err);
    }
  }

  private async apply(): Promise<void> {
    if (!this.file) return;
    await this.doing(async () => {
      await this.store.service.replaceDay(this.channelId, dateText(this.day, this.zone), this.zone, this.file!, this.type(this.file!));
      this.report = this.file = null;
      this.store.notify(texts.replaced, "info");
      await this.store.refresh();
    }, (text) => (this.fileProblem = text));
  }

  private async doing(run: () => Promise<void>, failed: (text: string) => void): Promise<void> {
    this.busy = true;
    try {
      await run();
    } catch (err) {
      failed(reason(err));
    } finally {
      this.busy = false;
    }
  }

  private async submit(e: Event): Promise<void> {
    e.preventDefault();
    this.problem = "";
    const config = structuredClone(this.config);
    if (config["auto_populate"] === true) {
      const base = readContent(this.lists["base"] ?? "", config["auto_populate_content"]);
      if (base === undefined) delete config["auto_populate_content"];
      else config["auto_populate_content"] = base;
      const plan = config["auto_schedule"] as { blocks?: Block[] } | undefined;
      plan?.blocks?.forEach((b, i) => {
        const content = readContent(this.lists[String(i)] ?? "", b["content"]);
        if (content === undefined) delete b["content"];
        else b["content"] = content;
      });
    }
    await this.doing(async () => {
      const channel = { id: this.channelId || this.newId, name: this.name || this.channelId || this.newId, config };
      if (this.channelId) await this.store.service.putChannel(channel, this.etag);
      else await this.store.service.createChannel(channel);
      this.store.notify(texts.channelSaved(channel.name), "info");
      await this.store.refresh();
      this.dispatchEvent(new CustomEvent("saved", { detail: { channelId: channel.id } }));
      if (this.channelId) void this.fill();
    }, (text) => (this.problem = text));
  }

  private async deleteIt(e: Event): Promise<void> {
    e.preventDefault();
    if (this.confirm !== this.channelId) return;
    await this.doing(async () => {
      await this.store.service.deleteChannel(this.channelId, this.etag);
      this.store.notify(texts.channelDeleted(this.name || this.channelId), "info");
      await this.store.refresh();
      this.close();
    }, (text) => (this.problem = text));
  }

  private close(): void {
    this.dispatchEvent(new CustomEvent("close"));
  }
}

/** An object without the fields that are empty. */
function without(o: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined && v !== ""));
}

/** What is no number stays as it is: the service says what is wrong with it. */
const number = (text: string): unknown => (Number.isFinite(Number(text)) ? Number(text) : text);

/** Content as people type it: a feed's URL, or URLs of assets line by line, each with its title behind it. */
function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as unknown[])
    .map((c) => (typeof c === "string" ? c : typeof c === "object" && c !== null ? `${String((c as Block)["uri"] ?? "")} ${String((c as Block)["title"] ?? "")}`.trim() : ""))
    .join("\n");
}

/** The reverse; entries that were there before keep what the text doesn't show. */
function readContent(text: string, before: unknown): unknown {
  const lines = text.split("\n").map((l) => l.trim()).filter(Boolean);
  if (lines.length === 0) return undefined;
  const list = Array.isArray(before) ? (before as unknown[]) : [];
  const feed = lines.length === 1 && !/\.m3u8\b/i.test(lines[0]!) && !/\s/.test(lines[0]!) && !list.includes(lines[0]);
  if (feed) return lines[0];
  const known = new Map(list.filter((b): b is Block => typeof b === "object" && b !== null).map((b) => [b["uri"], b]));
  return lines.map((l) => {
    const [uri = "", ...title] = l.split(/\s+/);
    const old = known.get(uri);
    return old || title.length ? without({ ...old, uri, title: title.join(" ") }) : uri;
  });
}

declare global {
  interface HTMLElementTagNameMap {
    "guide-channel": ChannelForm;
  }
}
