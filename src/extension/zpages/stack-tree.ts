/** Stacks of many samples as one tree from the outermost function: equal beginnings are there once. */
import type { Frame } from "../../mapping/profile.ts";
import { frameLabels } from "../../mapping/profiles/frame-label.ts";

const DEPTH_LIMIT = 512;

export class StackNode {
  readonly parent: StackNode | undefined;
  readonly name: string;
  /** File and line of the first sample, or the mapped file. */
  readonly place: string;
  /** profile.frame.type */
  readonly type: string;
  readonly #children = new Map<string, StackNode>();
  /** Samples that end here, and children. */
  #uses = 0;

  constructor(parent: StackNode | undefined, name: string, place: string, type: string) {
    this.parent = parent;
    this.name = name;
    this.place = place;
    this.type = type;
  }

  child(name: string, place: string, type: string): StackNode {
    const key = `${type} ${name}`;
    let node = this.#children.get(key);
    if (node === undefined) {
      node = new StackNode(this, name, place, type);
      this.#children.set(key, node);
      this.#uses++;
    }
    return node;
  }

  retain(): void {
    this.#uses++;
  }

  /** A node that nothing uses any more leaves the tree. */
  release(): void {
    this.#uses--;
    if (this.#uses > 0 || this.parent === undefined) return;
    this.parent.#children.delete(`${this.type} ${this.name}`);
    this.parent.release();
  }
}

/** Not of a function: the service whose stacks are below. */
export const PROCESS_TYPE = "process";

/** The node of a stack's leaf, which is retained. @param stack the leaf first */
export function addStack(root: StackNode, service: string, stack: readonly Frame[]): StackNode {
  let node = root.child(service, "", PROCESS_TYPE);
  let depth = 0;
  for (let i = stack.length - 1; i >= 0 && depth < DEPTH_LIMIT; i--) {
    const frame = stack[i]!;
    const labels = frameLabels(frame);
    for (let j = labels.length - 1; j >= 0 && depth < DEPTH_LIMIT; j--, depth++) {
      node = node.child(labels[j]!.name, labels[j]!.place, frame.type);
    }
  }
  node.retain();
  return node;
}
