/** Answers the symbol thread's questions in this process, with the reader's own code. */
import { OpenedFiles } from "../../src/broker/reader/opened-files.ts";
import { readProcess } from "../../src/broker/reader/process-reads.ts";
import { SymbolFiles } from "../../src/broker/reader/symbol-files.ts";
import type { Replies } from "../../src/ipc/messages.ts";
import type { SymbolAsk } from "../../src/receiver/symbols/thread-message.ts";

export class LocalBroker {
  readonly asked: SymbolAsk["type"][] = [];
  readonly #files = new OpenedFiles();
  readonly #symbols = new SymbolFiles(this.#files);

  request = <R extends SymbolAsk>(request: R): Promise<Replies[R["type"]]> => {
    this.asked.push(request.type);
    return Promise.resolve(this.#answer(request) as Replies[R["type"]]);
  };

  #answer(request: SymbolAsk): unknown {
    switch (request.type) {
      case "process_images":
        return this.#symbols.images(request.tgid);
      case "perf_map":
        return this.#symbols.perfMap(request.tgid);
      case "debug_file":
        return this.#symbols.debugFile(request);
      case "kernel_symbols":
        return this.#symbols.kernelSymbols();
      case "file_read":
        return this.#files.read(request.file, request.offset, request.lengthBytes).toString("base64");
      case "memory":
        return readProcess(request);
    }
  }
}
