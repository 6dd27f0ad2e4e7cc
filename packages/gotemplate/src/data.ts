/** A value that JSON can hold; a `bigint` is an integer that stays exact. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/** Data that is JSON text already: integers up to 64 bits stay exact, and nothing has to be serialized. Made by {@link jsonText}. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Marks a string as JSON text. It is parsed only where the templates run. */
export const jsonText = (text: string): JsonText => new JsonText(text);

/** What a template renders. A {@link JsonText} is parsed; any other value stands for itself. */
export type TemplateData = JsonText | JsonValue;
