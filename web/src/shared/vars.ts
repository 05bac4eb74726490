import { noChange } from "lit";
import { directive, Directive, PartType, type ElementPart, type PartInfo } from "lit/directive.js";

class Vars extends Directive {
  /** What was set last: setting it again would have styles worked out anew, also those of all that is inside. */
  private readonly last = new Map<string, string>();

  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("vars belongs on an element: <div ${vars({...})}>");
  }

  override update(part: ElementPart, [values]: [Record<string, string | number>]) {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(values)) {
      const text = String(value);
      if (this.last.get(name) === text) continue;
      this.last.set(name, text);
      style.setProperty(name, text);
    }
    return noChange;
  }

  render(_: Record<string, string | number>): typeof noChange {
    return noChange;
  }
}

/**
 * Sets style properties of an element: `<div ${vars({ "--done": 0.5 })}>`.
 * Never by the attribute style, which the Content-Security-Policy forbids (and
 * which Lit's styleMap uses).
 */
export const vars = directive(Vars);
