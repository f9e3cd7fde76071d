/**
 * Property tests run the same cases every time, so that a failure is of the change at hand; `PROPERTY_SEED=N` runs
 * others, and `npm run fuzz` goes on for as long as it is told.
 */
import fc from "fast-check";

const DEFAULT_SEED = 42;

fc.configureGlobal({ seed: Number(process.env["PROPERTY_SEED"] ?? DEFAULT_SEED) });
