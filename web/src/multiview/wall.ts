// Which tiles play. Many would cost the viewer's machine and network too much,
// and a tile that plays wakes its channel, which costs the engine.
import type { State } from "./model.ts";

export interface Candidate {
  id: string;
  state: State;
  /** Somebody points at it. */
  wanted: boolean;
}

/**
 * Chooses at most limit of the visible tiles: first those that somebody points
 * at, then channels that are on air anyway, then, where nothing changes by
 * itself and slots are left, sleeping ones. If more channels are on air than
 * may play they take turns, a third of the slots at a time.
 */
export function choose(visible: readonly Candidate[], limit: number, turn: number, mayWake: boolean): Set<string> {
  const chosen = new Set<string>();
  const add = (list: readonly Candidate[]) => {
    for (const { id } of list) if (chosen.size < limit) chosen.add(id);
  };
  add(visible.filter((c) => c.wanted));
  const awake = visible.filter((c) => c.state !== "dormant" && !chosen.has(c.id));
  const slots = limit - chosen.size;
  if (awake.length > slots && slots > 0) {
    const from = (turn * Math.max(1, Math.floor(slots / 3))) % awake.length;
    add([...awake.slice(from), ...awake.slice(0, from)]);
  } else {
    add(awake);
  }
  if (mayWake) add(visible);
  return chosen;
}
