/** Inputs for fuzzing: texts, bytes and documents that are almost right. */
import fc from "fast-check";
import { Random } from "./random.js";
import { repetitions } from "./repetitions.js";

/** For `fc.assert`: the same cases in every run of the test suite, and others in every soak. */
export const cases: fc.Parameters<unknown> = {
  numRuns: repetitions(300, 100_000),
  seed: repetitions(1, Date.now()),
};

/** Texts of all kinds, and those that are given with a few characters changed. */
export function textsLike(...good: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.string({ unit: "grapheme-ascii", maxLength: 60 }),
    fc.oneof(fc.webUrl(), fc.ipV4(), fc.ipV6(), fc.domain()),
    fc
      .tuple(
        fc.constantFrom(...good),
        fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.string({ unit: "binary", maxLength: 3 })), {
          maxLength: 4,
        }),
      )
      .map(([text, edits]) => edits.reduce(edited, text)),
    fc
      .array(fc.constantFrom(...good, ..."/:@.[]?#&=%- \n".split("")), { maxLength: 6 })
      .map((all) => all.join("")),
  );
}

function edited(text: string, [at, count, put]: [at: number, count: number, put: string]): string {
  const place = at % (text.length + 1);
  return text.slice(0, place) + put + text.slice(place + count);
}

/** Bytes of all kinds, and those that are given with some changed, lost, repeated or cut off. */
export function bytesLike(...good: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const edit = fc.tuple(fc.nat(), fc.nat(600), fc.uint8Array({ maxLength: 12 }));
  const changed = fc
    .tuple(fc.constantFrom(...good), fc.array(edit, { maxLength: 4 }), fc.option(fc.nat(), { freq: 3 }))
    .map(([bytes, edits, end]) => {
      let all = Buffer.from(bytes);
      for (const [at, lost, put] of edits) {
        const place = at % (all.length + 1);
        // Mostly in place: what follows stays where it is looked for.
        const rest = all.subarray(place + (lost < 500 ? put.length : lost));
        all = Buffer.concat([all.subarray(0, place), put, rest]);
      }
      return end === null ? all : all.subarray(0, end % (all.length + 1));
    });
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 5, arbitrary: changed },
  );
}

export type Doc = null | boolean | number | string | readonly Doc[] | { readonly [key: string]: Doc };

const oddValues: readonly Doc[] = [
  ...[null, "", "x", 0, -1, 1.5, 1e21, true, false, [], {}, [null], [""], { "": null }],
  ...["__proto__", "\0", "sha256:", "../..", "/nix/store", "linux", Number.MAX_SAFE_INTEGER, [[[]]]],
];

/** Documents that are like the one that is given: parts replaced, left out, swapped with one another. */
export function docsLike(...good: readonly Doc[]): fc.Arbitrary<Doc> {
  const edit = fc.tuple(
    fc.nat(),
    fc.oneof(
      fc.constantFrom(...oddValues),
      fc.constant(GONE),
      fc.nat().map((at) => ({ swapWith: at })),
      fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Doc>,
    ),
  );
  return fc
    .tuple(fc.constantFrom(...good), fc.array(edit, { minLength: 0, maxLength: 4 }))
    .map(([doc, edits]) => {
      let copy: { readonly root: Doc } = { root: structuredClone(doc) };
      for (const [at, value] of edits) copy = structuredClone(replaced(copy, at, value));
      return copy.root ?? null;
    });
}

const GONE = Symbol("gone");

function replaced(
  doc: { readonly root: Doc },
  at: number,
  value: Doc | typeof GONE | { readonly swapWith: number },
): { readonly root: Doc } {
  const places: { readonly holder: Record<string, Doc>; readonly key: string }[] = [];
  const look = (node: Doc): void => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      places.push({ holder: node as Record<string, Doc>, key });
      look((node as Record<string, Doc>)[key]!);
    }
  };
  look(doc);
  const place = places[at % places.length]!;
  if (value === GONE) {
    if (place.key !== "root") Reflect.deleteProperty(place.holder, place.key);
  } else if (typeof value === "object" && value !== null && "swapWith" in value) {
    const other = places[(value.swapWith as number) % places.length]!;
    place.holder[place.key] = structuredClone(other.holder[other.key]!);
  } else place.holder[place.key] = value;
  return doc;
}

/** Anything at all that a caller may pass, made when it is asked for. */
export function anything(): fc.Arbitrary<() => unknown> {
  return fc.oneof(
    fc.constantFrom(...oddMakers),
    fc
      .anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true })
      .map((value) => Object.assign(() => value, { [fc.toStringMethod]: () => fc.stringify(value) })),
  );
}

/** The same, and what throws when it is looked at. */
export function anythingAtAll(): fc.Arbitrary<() => unknown> {
  return fc.oneof(
    { weight: 5, arbitrary: anything() },
    { weight: 1, arbitrary: fc.constantFrom(...throwing) },
  );
}

const oddMakers: readonly (() => unknown)[] = [
  () => {
    const circle: Record<string, unknown> = { a: 1 };
    circle["self"] = [circle];
    return circle;
  },
  // eslint-disable-next-line no-sparse-arrays
  () => [, 1],
  () => Object.create(null) as unknown,
  () => new Date(NaN),
  () => new Map<unknown, unknown>([[{}, 1]]),
  () => new Random(1),
  () => Symbol("s"),
  () => () => 1,
  () => Buffer.from("x"),
  () => Promise.resolve(1),
  () => new Error("e"),
  () => 10n,
  () => -0,
  () => NaN,
  () => /a/,
  () => deep(3000),
];

const throwing: readonly (() => unknown)[] = [
  () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new TypeError("not to be looked at");
        },
        ownKeys: () => {
          throw new RangeError("not to be listed");
        },
      },
    ),
  () =>
    Object.defineProperty({}, "name", {
      enumerable: true,
      get: () => {
        throw new Error("a getter");
      },
    }),
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
];

function deep(levels: number): unknown {
  let value: unknown = [];
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}
