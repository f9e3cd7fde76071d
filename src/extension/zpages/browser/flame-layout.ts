/** Where each function of a flame graph is drawn. Runs in the browser; knows no page. */

/** As FlameNode of flame-data.ts: name, place, type, total, self, children. */
export interface TreeNode {
  readonly n: string;
  readonly p: string;
  readonly t: string;
  readonly v: number;
  readonly s: number;
  readonly c: readonly TreeNode[];
}

export interface Box {
  readonly node: TreeNode;
  /** Names from the outermost function: the same after new samples have come. */
  readonly path: readonly string[];
  readonly key: string;
  readonly depth: number;
  /** Parts of the width. */
  readonly left: number;
  readonly width: number;
  /** Outside of what is zoomed into. */
  readonly isAncestor: boolean;
  readonly isMatch: boolean;
}

interface Layout {
  readonly boxes: readonly Box[];
  readonly rows: number;
  /** What is zoomed into; the whole when it is not there any more. */
  readonly focus: TreeNode;
  /** Weight of all that matches, each nested match once. */
  readonly matched: number;
}

function keyOf(node: TreeNode): string {
  return `${node.t} ${node.n}`;
}

/**
 * @param zoom path below the root of what takes the whole width
 * @param minWidth narrower boxes are left out
 */
export function layOutFlames(
  root: TreeNode,
  zoom: readonly string[],
  isMatch: (node: TreeNode) => boolean,
  minWidth: number,
): Layout {
  const boxes: Box[] = [];
  let focus = root;
  let path: string[] = [];
  const ancestors: { node: TreeNode; path: string[] }[] = [];
  for (const step of zoom) {
    const child = focus.c.find((each) => keyOf(each) === step);
    if (child === undefined) break;
    ancestors.push({ node: focus, path });
    focus = child;
    path = [...path, step];
  }
  const add = (node: TreeNode, at: string[], depth: number, left: number, width: number, isAncestor: boolean) =>
    boxes.push({ node, path: at, key: at.join("\n"), depth, left, width, isAncestor, isMatch: isMatch(node) });
  ancestors.forEach((ancestor, depth) => {
    add(ancestor.node, ancestor.path, depth, 0, 1, true);
  });
  let rows = ancestors.length;
  let matched = 0;
  const place = (node: TreeNode, at: string[], depth: number, left: number, width: number, isInMatch: boolean) => {
    const isHere = isMatch(node);
    if (isHere && !isInMatch) matched += node.v;
    if (width >= minWidth) {
      add(node, at, depth, left, width, false);
      rows = Math.max(rows, depth + 1);
    }
    let next = left;
    for (const child of node.c) {
      const share = focus.v === 0 ? 0 : child.v / focus.v;
      place(child, [...at, keyOf(child)], depth + 1, next, share, isInMatch || isHere);
      next += share;
    }
  };
  place(focus, path, ancestors.length, 0, 1, false);
  return { boxes, rows, focus, matched };
}

/** `1.24 s`, `38.1 ms`. */
export function formatNs(ns: number): string {
  if (ns >= 1e9) return `${digits(ns / 1e9)} s`;
  return ns >= 1e6 ? `${digits(ns / 1e6)} ms` : `${digits(ns / 1e3)} µs`;
}

export function formatSamples(count: number): string {
  return count === 1 ? "1 sample" : `${count} samples`;
}

export function formatShare(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (100 * part) / whole;
  return percent >= 99.95 || percent === 0 ? `${Math.round(percent)} %` : `${percent.toFixed(percent < 10 ? 2 : 1)} %`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
