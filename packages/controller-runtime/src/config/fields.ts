/** A mapping whose content came from outside, read field by field with a check of each type. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  /** Where the mapping stands, for messages: `users[0].user`. */
  readonly where: string;

  /** @throws Error where `value` is neither a mapping nor absent. */
  constructor(value: unknown, where: string) {
    if (value !== undefined && value !== null && (typeof value !== "object" || Array.isArray(value))) {
      throw new Error(`${where} must be a mapping`);
    }
    this.#values = { ...value };
    this.where = where;
  }

  /** The raw value of a field; null counts as absent. */
  raw(name: string): unknown {
    return this.#values[name] ?? undefined;
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  /** A string; an empty one counts as absent. @throws Error where it is something else. */
  text(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || value === "") return undefined;
    // The value may be a password that YAML reads as a number, so the message must not repeat it.
    if (typeof value !== "string") throw new Error(`${this.#at(name)} must be a string (put it in quotes)`);
    return value;
  }

  /** A boolean; absent = false. */
  flag(name: string): boolean {
    const value = this.raw(name) ?? false;
    if (typeof value !== "boolean") throw new Error(`${this.#at(name)} must be true or false`);
    return value;
  }

  /** A nested mapping; absent = an empty one. */
  child(name: string): Fields {
    return new Fields(this.raw(name), this.#at(name));
  }

  /** A list of mappings; absent = an empty one. */
  children(name: string): Fields[] {
    return this.#list(name).map((value, index) => new Fields(value, `${this.#at(name)}[${index}]`));
  }

  /** A list of strings; absent = an empty one. */
  texts(name: string): string[] {
    return this.#list(name).map((value) => {
      if (typeof value !== "string") throw new Error(`${this.#at(name)} must be a list of strings`);
      return value;
    });
  }

  #list(name: string): readonly unknown[] {
    const value = this.raw(name) ?? [];
    if (!Array.isArray(value)) throw new Error(`${this.#at(name)} must be a list`);
    return value;
  }

  #at(name: string): string {
    return this.where === "" ? name : `${this.where}.${name}`;
  }
}
