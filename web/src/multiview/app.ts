import { html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { ground } from "../shared/styles.ts";
import { multiview as texts } from "../shared/texts.ts";

@customElement("consuo-multiview")
export class MultiviewApp extends LitElement {
  static override styles = [ground];

  /** Where the licences of bundled code are; index.html knows. */
  @property() licenses = "";

  override render() {
    return html`<main><h1>${texts.title}</h1></main>`;
  }
}
