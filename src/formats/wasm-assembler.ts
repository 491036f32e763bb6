// A small assembler for WebAssembly: functions that give instruction bytes, so that TypeScript serves as the macro
// language. Source: the WebAssembly core specification 1.0, binary format. Only what lzma-module.ts needs.

/** Instructions, nested as convenient. */
export type Code = readonly (number | Code)[];

function unsignedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes;
}

function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const i32 = 0x7f;
const i64 = 0x7e;

/** A local variable of a function under assembly. */
export interface Local {
  readonly get: Code;
  set(value: Code): Code;
  tee(value: Code): Code;
}

function local(index: number): Local {
  return {
    get: [0x20, ...unsignedLeb(index)],
    set: (value) => [value, 0x21, ...unsignedLeb(index)],
    tee: (value) => [value, 0x22, ...unsignedLeb(index)],
  };
}

export const constant = (value: number): Code => [0x41, ...signedLeb(value)];

const binary =
  (opcode: number) =>
  (a: Code, b: Code): Code => [a, b, opcode];
export const equal = binary(0x46);
export const lessUnsigned = binary(0x49);
export const greaterUnsigned = binary(0x4b);
export const notLessUnsigned = binary(0x4f);
export const add = binary(0x6a);
export const subtract = binary(0x6b);
export const multiply = binary(0x6c);
export const and = binary(0x71);
export const or = binary(0x72);
export const xor = binary(0x73);
export const shiftLeft = binary(0x74);
export const shiftRightSigned = binary(0x75);
export const shiftRight = binary(0x76);
export const xor64 = binary(0x85);
export const shiftRight64 = binary(0x88);
export const and64 = binary(0x83);
export const isZero = (a: Code): Code => [a, 0x45];
export const wrap64 = (a: Code): Code => [a, 0xa7];
export const constant64 = (value: number): Code => [0x42, ...signedLeb(value)];
/** `a` when `condition` is not zero, else `b`; both are computed. */
export const select = (a: Code, b: Code, condition: Code): Code => [a, b, condition, 0x1b];

const load =
  (opcode: number, alignment: number) =>
  (address: Code, offset = 0): Code => [address, opcode, alignment, ...unsignedLeb(offset)];
const store =
  (opcode: number, alignment: number) =>
  (address: Code, value: Code, offset = 0): Code => [
    address,
    value,
    opcode,
    alignment,
    ...unsignedLeb(offset),
  ];
export const load8 = load(0x2d, 0);
export const load16 = load(0x2f, 1);
export const load32 = load(0x28, 2);
export const load64 = load(0x29, 0);
export const store8 = store(0x3a, 0);
export const store16 = store(0x3b, 1);
export const store32 = store(0x36, 2);
export const store64 = store(0x37, 0);

const noResult = 0x40;
export const when = (condition: Code, then: Code, otherwise?: Code): Code =>
  otherwise === undefined
    ? [condition, 0x04, noResult, then, 0x0b]
    : [condition, 0x04, noResult, then, 0x05, otherwise, 0x0b];
/** A block; `branch(depth)` inside leaves it, where each block, loop and `when` around the branch counts one. */
export const block = (body: Code): Code => [0x02, noResult, body, 0x0b];
/** A loop that `branch(depth)` starts again; without a branch it ends after one turn. */
export const loop = (body: Code): Code => [0x03, noResult, body, 0x0b];
export const branch = (depth: number): Code => [0x0c, ...unsignedLeb(depth)];
export const branchIf = (depth: number, condition: Code): Code => [condition, 0x0d, ...unsignedLeb(depth)];
export const returnValue = (value: Code): Code => [value, 0x0f];

/** A function of 32-bit parameters and one 32-bit result. */
export interface FunctionSource {
  readonly name: string;
  readonly parameters: number;
  readonly locals: number;
  readonly locals64?: number;
  /** Gets parameters, then locals, then 64-bit locals. */
  readonly body: (locals: readonly Local[]) => Code;
}

function flatten(code: Code, into: number[]): number[] {
  for (const part of code) {
    if (typeof part === 'number') into.push(part);
    else flatten(part, into);
  }
  return into;
}

const vector = (items: readonly (readonly number[])[]) => [...unsignedLeb(items.length), ...items.flat()];
const section = (id: number, content: readonly number[]) => [id, ...unsignedLeb(content.length), ...content];
const text = (name: string) => vector([...name].map((letter) => [letter.charCodeAt(0)]));

/** The bytes of a module that imports its memory as `env.memory` and exports the functions by name. */
export function assembleModule(functions: readonly FunctionSource[]): Uint8Array {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...vector(Array.from({ length: parameters }, () => [i32])),
    ...vector([[i32]]),
  ]);
  const bodies = functions.map(({ parameters, locals, locals64 = 0, body }) => {
    const all = Array.from({ length: parameters + locals + locals64 }, (_, index) => local(index));
    const declared = [
      [...unsignedLeb(locals), i32],
      [...unsignedLeb(locals64), i64],
    ];
    const code = [...vector(declared), ...flatten(body(all), []), 0x0b];
    return [...unsignedLeb(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([[...text('env'), ...text('memory'), 0x02, 0x00, 0x01]])),
    ...section(3, vector(functions.map((_, index) => unsignedLeb(index)))),
    ...section(7, vector(functions.map(({ name }, index) => [...text(name), 0x00, ...unsignedLeb(index)]))),
    ...section(10, vector(bodies)),
  ]);
}

/** Linear memory; `buffer` is another one after `grow`, which counts pages of 64 KiB. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** A compiled module. */
export type WasmModule = object;

// Node.js has it; the type libraries in use here do not.
const engine = (
  globalThis as unknown as {
    readonly WebAssembly: {
      readonly Memory: new (limits: { initial: number }) => WasmMemory;
      readonly Module: new (bytes: Uint8Array) => WasmModule;
      readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
    };
  }
).WebAssembly;

export function allocateMemory(pages: number): WasmMemory {
  return new engine.Memory({ initial: pages });
}

export function compileModule(bytes: Uint8Array): WasmModule {
  return new engine.Module(bytes);
}

/** The functions of a module over `memory`. The caller states their types. */
export function instantiateModule<Functions>(module: WasmModule, memory: WasmMemory): Functions {
  return new engine.Instance(module, { env: { memory } }).exports as Functions;
}
