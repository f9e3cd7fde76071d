/** What the flame graph page uses of preact: its own types bring the browser's whole library into every file. */
declare module "preact" {
  export interface VNode {
    readonly key: unknown;
  }
  type Child = VNode | string | number | false | null | undefined | readonly Child[];

  export abstract class Component<Props, State> {
    constructor(props?: Props);
    readonly props: Props;
    state: State;
    setState(change: Partial<State>, done?: () => void): void;
    componentDidMount?(): void;
    abstract render(): Child;
  }
  export function h(tag: string, attributes: Readonly<Record<string, unknown>>, ...children: Child[]): VNode;
  export function h<Props>(
    component: new (props: Props) => { render(): Child },
    properties: Props,
    ...children: Child[]
  ): VNode;
  export function render(node: VNode, into: never): void;
  export function createRef<T>(): { readonly current: T | null };
}
