import fc from "fast-check";
import { isObject } from "../../src/api/conform.ts";
import { fullContainer, fullVolumes, otherContainer } from "../api/pod-parts.ts";

type Path = readonly (string | number)[];

/** All places below a value, itself included. */
const placesIn = (value: unknown, path: Path = []): readonly Path[] => {
  const entries = Array.isArray(value) ? [...value.entries()] : isObject(value) ? Object.entries(value) : [];
  return [path, ...entries.flatMap(([step, part]) => placesIn(part, [...path, step]))];
};

/** `value` with another part at `path`; without it where that is `undefined`. */
const replaced = (value: unknown, [step, ...rest]: Path, part: unknown): unknown => {
  if (step === undefined) return part;
  if (Array.isArray(value)) {
    const list = value.map((item: unknown, index) => (index === step ? replaced(item, rest, part) : item));
    return list.filter((item) => item !== undefined);
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, key === step ? replaced(item, rest, part) : item]);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
};

/** What people write in the wrong place: other types, other bounds, nothing at all. */
const parts: readonly unknown[] = [
  undefined,
  null,
  "",
  "a",
  "A b",
  "/a",
  "../a",
  "Localhost",
  "500m",
  0,
  1,
  -1,
  65_536,
  5_000_000_000,
  true,
  [],
  {},
  ["x"],
  { name: "x" },
  { unknown: 1 },
];

const someFields = fc
  .constantFrom(fullContainer, otherContainer)
  .chain((container) => fc.subarray(Object.entries(container)))
  .map((entries) => Object.fromEntries(entries));

const mount = fc.constantFrom<object>(
  { readOnly: true },
  { subPath: "a/b", mountPropagation: "HostToContainer" },
  { subPathExpr: "$(NODE)" },
  { readOnly: true, recursiveReadOnly: "IfPossible", mountPropagation: "None" },
);

/** A container with some of the fields that one can have, and its volume. */
const sound = fc
  .record({
    fields: someFields,
    mount,
    volume: fc.option(fc.constantFrom(...fullVolumes), { nil: undefined }),
    injectAs: fc.constantFrom("Sidecar", "Container"),
  })
  .map(({ fields, mount, volume, injectAs }) => {
    const { name, image } = fullContainer;
    const mounts = volume === undefined ? {} : { volumeMounts: [{ name: "v", mountPath: "/v", ...mount }] };
    const container = { name, image, ...fields, ...mounts };
    return { container, injectAs, ...(volume !== undefined && { volume }) };
  });

/** The same with up to two parts of container and volume replaced. */
export const someSpec: fc.Arbitrary<unknown> = fc
  .record({ spec: sound, picks: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...parts)), { maxLength: 2 }) })
  .map(({ spec, picks }) =>
    picks.reduce<unknown>((changed, [pick, part]) => {
      const places = placesIn(changed).filter(([field, ...below]) => field !== "injectAs" && below.length > 0);
      const place = places[pick % places.length];
      return place === undefined ? changed : replaced(changed, place, part);
    }, spec),
  );
