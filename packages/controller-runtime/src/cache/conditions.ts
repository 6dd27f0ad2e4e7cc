/** Promises for conditions that come true when something happens. */
export class Conditions {
  readonly #checks = new Set<() => void>();

  /** Resolves when `condition` is true, at once or when looked at next. @throws the signal's reason when it aborts first. */
  when(condition: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#checks.delete(check);
        signal.removeEventListener("abort", onAbort);
      };
      const check = () => {
        if (!condition()) return;
        end();
        resolve();
      };
      const onAbort = () => {
        end();
        reject(signal.reason);
      };
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      this.#checks.add(check);
      signal.addEventListener("abort", onAbort, { once: true });
      check();
    });
  }

  /** Something happened: looks at all that is waited for. */
  look(): void {
    for (const check of [...this.#checks]) check();
  }
}
