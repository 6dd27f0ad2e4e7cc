import type { Status } from "kubernetes-types/meta/v1.d.ts";
import { isProtobuf, protobufStatus } from "../decode/protobuf.ts";
import type { HttpResponse } from "./call.ts";

/** The `Status` of an error answer; what a proxy answers becomes its message. */
export const statusOf = ({ status: code, body }: HttpResponse): Status => {
  if (isProtobuf(body)) return fromProtobuf(code, body);
  const text = body.toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "kind" in parsed && parsed.kind === "Status") {
      // The cast is the boundary: a Status is taken to be one, but for the code, on which retries depend.
      const status = parsed as Status;
      return { ...status, code: Number(status.code) || code };
    }
  } catch {
    // Not JSON: fall through.
  }
  const line = firstWords(text);
  return { code, message: line === "" ? `HTTP ${code}` : `HTTP ${code}: ${line}` };
};

const fromProtobuf = (code: number, body: Buffer): Status => {
  try {
    const status = protobufStatus(body);
    return { ...status, code: status.code || code };
  } catch {
    return { code, message: `HTTP ${code}, with a body that is cut off or damaged` };
  }
};

/** The beginning of a text as one line, of HTML without its tags. */
const firstWords = (text: string): string =>
  text
    .slice(0, 2_000)
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);
