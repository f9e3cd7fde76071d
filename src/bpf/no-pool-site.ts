/** What stands for no loop of a pool, and no client (struct pool_site of bpf/control.h). */
import { type PoolSite, UnitKind } from "./layout.gen.ts";

export const NO_POOL_SITE: PoolSite = {
  code: 0,
  proof: 0,
  codeOffset: 0,
  jobOffset: 0,
  proofOffset: 0,
  proofHop: 0,
  hopCount: 0,
  hops: [],
  unitKind: UnitKind.none,
  nameText: 0,
  name: [],
};
