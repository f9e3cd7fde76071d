/** The flame graph itself: a tree for eyes, mice, keyboards and screen readers. */
import { Component, createRef, h } from "preact";
import { browser, type PageElement, type PageEvent } from "./dom.ts";
import { type Box, formatNs, formatShare, layOutFlames, type TreeNode } from "./flame-layout.ts";

const ROW_PX = 20;
const MIN_BOX_PX = 2;
const MIN_LABEL_PX = 28;

interface FlameChartProps {
  readonly root: TreeNode;
  readonly search: string;
  readonly zoom: readonly string[];
  readonly onZoom: (path: readonly string[]) => void;
  readonly onHover: (node: TreeNode | undefined) => void;
}

interface State {
  readonly widthPx: number;
  /** The box that has the keyboard. */
  readonly current: string;
}

export class FlameChart extends Component<FlameChartProps, State> {
  readonly #element = createRef<PageElement>();
  #boxes: readonly Box[] = [];

  constructor(props: FlameChartProps) {
    super(props);
    this.state = { widthPx: 1100, current: "" };
  }

  override componentDidMount(): void {
    const measure = () => this.setState({ widthPx: this.#element.current?.clientWidth ?? 1100 });
    measure();
    browser.addEventListener("resize", measure);
  }

  override render() {
    const { root, search, zoom, onHover } = this.props;
    const { widthPx } = this.state;
    const wanted = search.trim().toLowerCase();
    const isMatch = (node: TreeNode) =>
      wanted !== "" && (node.n.toLowerCase().includes(wanted) || node.p.toLowerCase().includes(wanted));
    const layout = layOutFlames(root, zoom, isMatch, MIN_BOX_PX / widthPx);
    this.#boxes = layout.boxes;
    const current = layout.boxes.some(({ key }) => key === this.state.current)
      ? this.state.current
      : (layout.boxes[0]?.key ?? "");
    return h(
      "div",
      {},
      wanted === ""
        ? null
        : h(
            "p",
            { class: "matched", role: "status" },
            `${formatShare(layout.matched, layout.focus.v)} in what matches “${search.trim()}”`,
          ),
      h(
        "div",
        {
          ref: this.#element as never,
          class: wanted === "" ? "chart" : "chart searching",
          role: "tree",
          "aria-label": "Flame graph: each function below its caller, as wide as the time it took",
          style: { height: `${layout.rows * ROW_PX}px` },
          onMouseLeave: () => onHover(undefined),
          onKeyDown: (event: PageEvent) => this.#key(event, current),
        },
        layout.boxes.map((box) => this.#box(box, widthPx, box.key === current)),
      ),
    );
  }

  #box(box: Box, widthPx: number, isCurrent: boolean) {
    const { node, depth, left, width } = box;
    const { root, onZoom, onHover } = this.props;
    const share = formatShare(node.v, root.v);
    const classes = ["box", `f-${/^[a-z0-9]+$/.test(node.t) ? node.t : "native"}`, `v${shade(node.n)}`];
    if (box.isAncestor) classes.push("above");
    if (box.isMatch) classes.push("match");
    return h(
      "div",
      {
        key: box.key,
        class: classes.join(" "),
        role: "treeitem",
        "aria-level": depth + 1,
        "aria-label": `${node.n}, ${share}, ${formatNs(node.v)}`,
        tabIndex: isCurrent ? 0 : -1,
        "data-key": box.key,
        title: `${node.n}\n${[node.p, node.t].filter((text) => text !== "").join(" · ")}\n${share}, ${formatNs(node.v)}, own ${formatNs(node.s)}`,
        style: { left: `${left * 100}%`, width: `${width * 100}%`, top: `${depth * ROW_PX}px` },
        onClick: () => {
          this.setState({ current: box.key });
          onZoom(box.path);
        },
        onMouseEnter: () => onHover(node),
        onFocus: () => onHover(node),
      },
      width * widthPx < MIN_LABEL_PX ? null : h("span", {}, node.n),
    );
  }

  /** As in any tree: up and down between callers and callees, left and right between neighbours. */
  #key(event: PageEvent, currentKey: string): void {
    const current = this.#boxes.find(({ key }) => key === currentKey);
    if (current === undefined) return;
    const parentKey = (box: Box) => box.path.slice(0, -1).join("\n");
    const siblings = this.#boxes.filter((box) => box.depth === current.depth && parentKey(box) === parentKey(current));
    const index = siblings.indexOf(current);
    const children = this.#boxes.filter((box) => box.depth === current.depth + 1 && parentKey(box) === current.key);
    const heaviest = children.reduce<Box | undefined>(
      (best, box) => (best === undefined || box.node.v > best.node.v ? box : best),
      undefined,
    );
    const parent =
      current.path.length === 0
        ? undefined
        : this.#boxes.find(({ key, path }) => path.length === current.path.length - 1 && key === parentKey(current));
    const next: Box | undefined = {
      ArrowDown: heaviest,
      ArrowUp: parent,
      ArrowLeft: siblings[index - 1],
      ArrowRight: siblings[index + 1],
      Home: this.#boxes[0],
    }[event.key];
    if (event.key === "Enter" || event.key === " ") this.props.onZoom(current.path);
    else if (event.key === "Escape") this.props.onZoom([]);
    else if (next === undefined) return;
    event.preventDefault();
    if (next === undefined) return;
    this.setState({ current: next.key }, () => {
      const index = this.#boxes.findIndex(({ key }) => key === next.key);
      this.#element.current?.querySelector(`[role=treeitem]:nth-child(${index + 1})`)?.focus();
    });
  }
}

/** Neighbours differ a little. */
function shade(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
  return Math.abs(hash) % 4;
}
