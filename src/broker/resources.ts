/** What must be freed on every way out, in reverse order; DisposableStack, which Node 20 does not have. */
export class Resources implements Disposable {
  #actions: (() => void)[] = [];

  use<T extends Disposable>(resource: T): T {
    this.defer(() => resource[Symbol.dispose]());
    return resource;
  }

  defer(action: () => void): void {
    this.#actions.push(action);
  }

  /** The resources pass to a new owner: this one frees nothing any more. */
  move(): Resources {
    const owner = new Resources();
    owner.#actions = this.#actions;
    this.#actions = [];
    return owner;
  }

  [Symbol.dispose](): void {
    for (const action of this.#actions.splice(0).reverse()) action();
  }
}
