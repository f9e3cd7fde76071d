/**
 * A BPF ring buffer, mapped by its descriptor and read in place. It finds whole stretches of finished records, so that
 * a reader copies (or reads) many at once; ring-records.ts walks them. Knows nothing of what is in a record.
 */
import { BpfError } from "./error.ts";
import { errno, libc, MAP_FAILED, type Pointer, viewMemory } from "./libbpf.ts";
import { BUSY_BIT, recordSpan } from "./ring-records.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** The three memory areas of a ring buffer. `data` is the data area twice in a row, so no record wraps. */
interface RingMemory {
  readonly consumerPosition: BigInt64Array;
  /** The low half of the position is enough: the ring is smaller than 2^31. */
  readonly producerPosition: Int32Array;
  readonly data: ArrayBuffer;
  readonly sizeBytes: number;
}

export class RingBuffer {
  readonly sizeBytes: number;
  readonly #consumerPosition: BigInt64Array;
  readonly #producerPosition: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  #position: number;
  #isHeadBusy = false;

  constructor(memory: RingMemory) {
    this.sizeBytes = memory.sizeBytes;
    this.#consumerPosition = memory.consumerPosition;
    this.#producerPosition = memory.producerPosition;
    this.#bytes = new Uint8Array(memory.data);
    this.#words = new Int32Array(memory.data);
    this.#mask = memory.sizeBytes - 1;
    this.#position = Number(Atomics.load(memory.consumerPosition, 0));
  }

  /** Bytes that were reserved and not yet consumed. */
  get pendingBytes(): number {
    return ((Atomics.load(this.#producerPosition, 0) - this.#position) | 0) >>> 0;
  }

  /** The first record is reserved and not submitted: poll(2) says readable, though there is nothing to read. */
  get isHeadBusy(): boolean {
    return this.#isHeadBusy;
  }

  /**
   * The finished records at the head, at most about `limitBytes` of them (one record always fits), as a view of the
   * ring itself: valid until `release`. Empty when there is nothing.
   */
  peek(limitBytes: number): Uint8Array {
    // Atomics are acquire loads, as smp_load_acquire of the positions and of the length word in ringbuf.c and libbpf.
    const pending = this.pendingBytes;
    const start = this.#position & this.#mask;
    let taken = 0;
    this.#isHeadBusy = false;
    while (taken < pending) {
      const word = Atomics.load(this.#words, ((this.#position + taken) & this.#mask) >> 2);
      if ((word & BUSY_BIT) !== 0) {
        this.#isHeadBusy = taken === 0;
        break;
      }
      const span = recordSpan(word);
      if (taken > 0 && taken + span > limitBytes) break;
      taken += span;
    }
    return this.#bytes.subarray(start, start + taken);
  }

  /** Gives the first `bytes` of the last peek back to the kernel. */
  release(bytes: number): void {
    if (bytes === 0) return;
    this.#position += bytes;
    Atomics.store(this.#consumerPosition, 0, BigInt(this.#position));
  }
}

export interface MappedRing extends Disposable {
  readonly ring: RingBuffer;
}

/** Needs no privilege, only the descriptor. The views must not be used after dispose: the memory is gone then. */
export function mapRingBuffer(fd: number, sizeBytes: number): MappedRing {
  const pageSizeBytes = libc().getpagesize();
  const consumer = map(fd, pageSizeBytes, PROT_READ | PROT_WRITE, 0);
  const producerLength = pageSizeBytes + 2 * sizeBytes;
  let producer: Pointer;
  try {
    producer = map(fd, producerLength, PROT_READ, pageSizeBytes);
  } catch (error) {
    libc().munmap(consumer, pageSizeBytes);
    throw error;
  }
  const ring = new RingBuffer({
    consumerPosition: new BigInt64Array(viewMemory(consumer, 8)),
    producerPosition: new Int32Array(viewMemory(producer, 8)),
    data: viewMemory(producer + BigInt(pageSizeBytes), 2 * sizeBytes),
    sizeBytes,
  });
  return {
    ring,
    [Symbol.dispose]: () => {
      libc().munmap(consumer, pageSizeBytes);
      libc().munmap(producer, producerLength);
    },
  };
}

function map(fd: number, lengthBytes: number, protection: number, offset: number): Pointer {
  const address = libc().mmap(null, lengthBytes, protection, MAP_SHARED, fd, offset);
  if (address === MAP_FAILED) throw new BpfError(`map ring buffer ${fd}`, errno());
  return address;
}
