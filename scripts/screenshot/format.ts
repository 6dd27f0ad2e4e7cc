/** A value as people read it, by Grafana's name of its unit. */
export const shown = (value: number, unit: string): string => {
  if (!Number.isFinite(value)) return "";
  switch (unit) {
    case "s":
      return seconds(value);
    case "bytes":
      return scaled(value, { base: 1_024, names: ["B", "KiB", "MiB", "GiB"] });
    case "percentunit":
      return `${short(value * 100)} %`;
    case "cps":
      return `${scaled(value, { base: 1_000, names: ["", "k", "M", "G"] })}/s`;
    case "reqps":
      return `${scaled(value, { base: 1_000, names: ["", "k", "M", "G"] })} req/s`;
    default:
      return scaled(value, { base: 1_000, names: ["", "k", "M", "G"] });
  }
};

const SMALL = [
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
  [1e-9, "ns"],
] as const;

const seconds = (value: number): string => {
  if (value === 0) return "0 s";
  if (value >= 86_400) return `${short(value / 86_400)} d`;
  if (value >= 120) return `${short(value / 60)} min`;
  const [size, name] = SMALL.find(([least]) => value >= least) ?? [1e-9, "ns"];
  return `${short(value / size)} ${name}`;
};

const scaled = (
  value: number,
  { base, names }: { readonly base: number; readonly names: readonly string[] },
): string => {
  let rest = value;
  let step = 0;
  while (Math.abs(rest) >= base && step < names.length - 1) {
    rest /= base;
    step += 1;
  }
  return `${short(rest)} ${names[step]}`.trim();
};

/** At most three digits that count. */
const short = (value: number): string => String(Number(value.toPrecision(3)));
