/*
 * Invariants:
 * - Every answer is one that the API server gave to this very question within the last five seconds.
 * - A question that is out is not asked twice; a failure is asked again.
 * - An answer that is in use is renewed before its end, and nobody waits for that.
 * - One user's questions do not keep another's waiting.
 * - However many users ask, what is kept is bounded.
 */
import type { SubjectAccessReview } from "kubernetes-types/authorization/v1.d.ts";
import { expect, test } from "vitest";
import { type Access, AccessReviews, type AccessReviewsOptions } from "../../src/admission/access-reviews.ts";

const access: Access = { namespace: "ns", verb: "get", group: "", resource: "pods" };
const alice = { username: "alice", uid: "u1", groups: ["dev"], extra: { scopes: ["a", "b"] } };

/** Reviews whose questions land here, and are answered here. */
const scene = () => {
  let now = 0;
  const asked: SubjectAccessReview["spec"][] = [];
  let answer = async (): Promise<boolean> => true;
  const client: AccessReviewsOptions["client"] = {
    create: async (_resource, object) => {
      // The boundary: the only resource that is created is a SubjectAccessReview.
      asked.push((object as unknown as SubjectAccessReview).spec);
      const allowed = await answer();
      return { ...object, metadata: { name: "", uid: "", resourceVersion: "" }, status: { allowed } };
    },
  };
  return {
    asked,
    reviews: new AccessReviews({ client, clock: { now: () => now } }),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    answering: (next: () => Promise<boolean>) => {
      answer = next;
    },
  };
};

test("the question holds all that the API server knows of the user, and the exact right", async () => {
  const { reviews, asked } = scene();
  expect(await reviews.allows(alice, access)).toBe(true);
  expect(asked).toEqual([
    {
      user: "alice",
      uid: "u1",
      groups: ["dev"],
      extra: { scopes: ["a", "b"] },
      resourceAttributes: { namespace: "ns", verb: "get", group: "", resource: "pods" },
    },
  ]);
});

test.each([true, false])("the answer %s counts for five seconds, and no longer", async (allowed) => {
  const { reviews, asked, pass, answering } = scene();
  answering(async () => allowed);
  expect(await reviews.allows(alice, access)).toBe(allowed);
  pass(2_999);
  expect(await reviews.allows(alice, access)).toBe(allowed);
  expect(asked).toHaveLength(1);
  pass(2_001);
  answering(async () => !allowed);
  expect(await reviews.allows(alice, access)).toBe(!allowed);
});

test("an answer in use is asked for again before its end, and until then the one of before counts", async () => {
  const { reviews, asked, pass, answering } = scene();
  await reviews.allows(alice, access);
  pass(3_000);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  answering(() => promise);
  expect(await reviews.allows(alice, access)).toBe(true);
  expect(await reviews.allows(alice, access)).toBe(true);
  expect(asked).toHaveLength(2);
  pass(2_000);
  const late = reviews.allows(alice, access);
  resolve(false);
  expect(await late).toBe(false);
  pass(2_999);
  expect(await reviews.allows(alice, access)).toBe(false);
  expect(asked).toHaveLength(2);
});

test("an answer that cannot be renewed counts to its end, and no longer", async () => {
  const { reviews, asked, pass, answering } = scene();
  await reviews.allows(alice, access);
  answering(() => Promise.reject(new Error("the API server is away")));
  pass(4_999);
  expect(await reviews.allows(alice, access)).toBe(true);
  await expect.poll(async () => (await reviews.allows(alice, access)) && asked.length).toBeGreaterThan(2);
  pass(1);
  await expect(Promise.resolve(reviews.allows(alice, access))).rejects.toThrow("the API server is away");
});

test.each([
  ["another user", { ...alice, username: "bob" }, access],
  ["another group", { ...alice, groups: ["ops"] }, access],
  ["another uid", { ...alice, uid: "u2" }, access],
  ["other extra", { ...alice, extra: { scopes: ["a"] } }, access],
  ["another namespace", alice, { ...access, namespace: "other" }],
  ["another verb", alice, { ...access, verb: "list" }],
  ["another group of the API", alice, { ...access, group: "apps" }],
  ["another resource", alice, { ...access, resource: "secrets" }],
])("%s is another question", async (_, user, other) => {
  const { reviews, asked } = scene();
  await reviews.allows(alice, access);
  await reviews.allows(user, other);
  expect(asked).toHaveLength(2);
});

/** In so many groups that the question is long; the last one's name is given. */
const inGroups = (last: string) => ({
  ...alice,
  groups: [...Array.from({ length: 100 }, (_, n) => `group-${n}`), last],
});

test("users in hundreds of groups are told apart by the last of them, and by what they want", async () => {
  const { reviews, asked, answering } = scene();
  for (const user of [inGroups("dev"), inGroups("ops")]) await reviews.allows(user, access);
  await reviews.allows(inGroups("dev"), { ...access, resource: "secrets" });
  expect(asked).toHaveLength(3);
  answering(async () => false);
  for (const user of [inGroups("dev"), inGroups("ops")]) expect(await reviews.allows(user, access)).toBe(true);
  expect(asked).toHaveLength(3);
});

test("of names of any length, each is another question, and asked once", async () => {
  const { reviews, asked } = scene();
  const lengths = Array.from({ length: 600 }, (_, n) => n);
  for (const _ of [1, 2]) for (const n of lengths) await reviews.allows({ username: "u".repeat(n) }, access);
  expect(asked).toHaveLength(lengths.length);
});

test("a question that is out is not asked again", async () => {
  const { reviews, asked, answering } = scene();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  answering(() => promise);
  const both = Promise.all([reviews.allows(alice, access), reviews.allows(alice, access)]);
  resolve(true);
  expect(await both).toEqual([true, true]);
  expect(asked).toHaveLength(1);
});

test("a failure is thrown, and asked again the next time", async () => {
  const { reviews, asked, answering } = scene();
  answering(() => Promise.reject(new Error("gone")));
  await expect(reviews.allows(alice, access)).rejects.toThrow("gone");
  answering(async () => true);
  expect(await reviews.allows(alice, access)).toBe(true);
  expect(asked).toHaveLength(2);
});

test("a user whose questions get no answer keeps no other's from being asked", async () => {
  const { reviews, asked, answering } = scene();
  answering(() => new Promise(() => {}));
  for (let index = 0; index < 100; index++) void reviews.allows(alice, { ...access, namespace: `ns-${index}` });
  answering(async () => true);
  expect(await reviews.allows({ ...alice, username: "bob" }, access)).toBe(true);
  expect(asked.map(({ user }) => user)).toEqual([...Array.from({ length: 8 }, () => "alice"), "bob"]);
});

test("of more than a thousand answers the oldest is forgotten first", async () => {
  const { reviews, asked } = scene();
  const user = (index: number) => ({ ...alice, username: `user-${index}` });
  for (let index = 0; index <= 1_000; index++) await reviews.allows(user(index), access);
  await reviews.allows(user(1), access);
  expect(asked).toHaveLength(1_001);
  await reviews.allows(user(0), access);
  expect(asked).toHaveLength(1_002);
});
