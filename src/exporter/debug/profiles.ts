/** The debug exporter for profiles: a line for each, and what took the most time. */
import { escapeText } from "../../escape.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Frame, Profile } from "../../mapping/profile.ts";
import type { DebugSettings } from "../debug.ts";
import type { ExporterDeps, ProfileExporter } from "../exporter.ts";

const TOP = 5;

export function createDebugProfileExporter(id: string, settings: DebugSettings, deps: ExporterDeps): ProfileExporter {
  const account = new StageAccount(`exporter/${id}/profiles`, "samples");
  return {
    id,
    account,
    start: async () => {},
    consume: (profiles) => {
      const samples = profiles.reduce((sum, profile) => sum + profile.samples.length, 0);
      account.addIn(samples);
      const lines =
        settings.verbosity === "basic"
          ? [`profiles  resource profiles: ${profiles.length}  samples: ${samples}`]
          : profiles.flatMap((profile) => profileLines(profile, settings.verbosity === "detailed" ? 50 : TOP));
      deps.stdout.write(`${lines.join("\n")}\n`);
      account.addOut(samples);
    },
    shutdown: async () => {},
  };
}

function profileLines(profile: Profile, top: number): string[] {
  const { samples, type, resource } = profile;
  const service = resource.attributes.find(([key]) => key === "service.name")?.[1] ?? "?";
  const linked = samples.filter(({ link }) => link !== undefined).length;
  const leaves = new Map<string, number>();
  for (const { stack, value } of samples) {
    const name = nameOf(stack[0]);
    leaves.set(name, (leaves.get(name) ?? 0) + value);
  }
  const total = samples.reduce((sum, { value }) => sum + value, 0);
  const shares = [...leaves].sort(([, a], [, b]) => b - a).slice(0, top);
  return [
    escapeText(`${type}  ${service}  samples: ${samples.length}  linked: ${linked}`),
    ...shares.map(([name, value]) => escapeText(`  ${((100 * value) / total).toFixed(1).padStart(5)} %  ${name}`)),
  ];
}

function nameOf(frame: Frame | undefined): string {
  if (frame === undefined) return "(no stack)";
  return frame.lines[0]?.functionName ?? `0x${frame.address.toString(16)}`;
}
