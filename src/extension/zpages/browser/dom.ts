/** The few parts of the browser that the flame graph page uses: the compiler has no library for it here. */

export interface PageElement {
  focus(): void;
  readonly clientWidth: number;
  readonly dataset: Readonly<Record<string, string | undefined>>;
  querySelector(selector: string): PageElement | null;
}

export interface PageEvent {
  readonly key: string;
  readonly target: { readonly value: string; readonly checked: boolean };
  preventDefault(): void;
}

interface Browser {
  readonly document: {
    getElementById(id: string): PageElement | null;
    readonly visibilityState: string;
  };
  readonly location: { readonly pathname: string; readonly search: string };
  readonly history: { replaceState(state: null, title: string, url: string): void };
  addEventListener(type: "resize", listener: () => void): void;
}

export const browser = globalThis as unknown as Browser;
