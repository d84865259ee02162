/**
 * Unpacks xz, including concatenated streams.
 *
 * @module
 */

import { cutOff, DamagedData, type Sink, type Source, type Unpacker } from "./unpacker.ts";

/**
 * The internals of the package `xz-decompress`: a WebAssembly of XZ Embedded, which takes at most 64 MiB
 * for a dictionary. The package exports it only as a web stream, which can't be read synchronously and
 * doesn't report unused input. Therefore its exact version is pinned.
 */
interface XzModule {
  readonly memory: WebAssembly.Memory;
  create_context(): number;
  destroy_context(context: number): void;
  supply_input(context: number, length: number): void;
  get_next_output(context: number): number;
}

/** The package, which is a CommonJS module. */
interface XzPackage {
  readonly XzReadableStream: {
    _getModuleInstance(): Promise<void>;
    readonly _moduleInstance: { readonly exports: XzModule };
  };
}

/** The fields of a context that are numbers, by their places. */
const field = { bufferSize: 0, input: 1, inputRead: 2, inputLength: 3, output: 4, outputLength: 5 };

/** The return values of `get_next_output`. */
const result = { ok: 0, streamEnd: 1 };

/** Reasons by the return value of `get_next_output`. */
const reasons: Readonly<Record<number, string>> = {
  2: "its checksum type is unknown",
  3: "there is not enough memory",
  4: "it needs more memory than 64 MiB",
  5: "there are other bytes among the data",
  6: "it has a filter or a checksum type that isn't supported",
  7: "the data are damaged",
  8: "the data are cut off",
};

/** Loads the unpacker. */
export async function loadXz(): Promise<Unpacker> {
  const imported: unknown = await import("xz-decompress");
  const { XzReadableStream } = (imported as { default: XzPackage }).default;
  await XzReadableStream._getModuleInstance();
  const module = XzReadableStream._moduleInstance.exports;
  return { isChecked: true, unpack: (source, sink) => unpack(module, source, sink) };
}

function unpack(module: XzModule, source: Source, sink: Sink): void {
  const isWanted = unpackStreams(module, source, sink);
  if (isWanted && !source.isAtEnd) {
    throw new DamagedData("there are other bytes after the data");
  }
}

/** Unpacks all streams; returns whether the sink takes more. */
function unpackStreams(module: XzModule, source: Source, sink: Sink): boolean {
  const context = module.create_context();
  try {
    for (;;) {
      // The memory may have grown, which replaces its buffer.
      let numbers = new Uint32Array(module.memory.buffer, context, 6);
      let supplied = -1;
      if (numbers[field.inputRead] === numbers[field.inputLength]) {
        const input = source.takeUpTo(numbers[field.bufferSize]);
        supplied = input.length;
        new Uint8Array(module.memory.buffer).set(input, numbers[field.input]);
        module.supply_input(context, supplied);
      }
      const code = module.get_next_output(context);
      numbers = new Uint32Array(module.memory.buffer, context, 6);
      const length = numbers[field.outputLength];
      numbers[field.outputLength] = 0;
      const piece = new Uint8Array(module.memory.buffer, numbers[field.output], length);
      if (length > 0 && !sink.write(piece)) return false;
      if (code === result.streamEnd) return true;
      if (code !== result.ok) throw new DamagedData(reasons[code] ?? `error ${code}`);
      if (supplied === 0 && length === 0) throw cutOff();
    }
  } finally {
    module.destroy_context(context);
  }
}
